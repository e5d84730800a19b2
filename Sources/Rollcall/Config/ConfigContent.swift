/// What is stored under a key: bytes, and what kind of text they are.
public struct ConfigContent: Hashable, Sendable {
    /// A kind of text, by its media type.
    public struct Format: Hashable, Sendable {
        private static let maximumPartBytes = 127

        /// `application/json` and the like, in lower case and without parameters.
        public let mediaType: String

        /// Takes a media type; parameters such as `charset` are dropped.
        ///
        /// - Parameter mediaType: `application/json` and the like; type and subtype have at most 127 bytes each (RFC 6838
        ///   section 4.2).
        /// - Throws: A ``ValidationError`` for what is no media type (RFC 9110 section 8.3.1).
        public init(mediaType: String) throws(ValidationError) {
            // Nearly all are one of these, as it is written here.
            if let known = Self.known.first(where: { $0.mediaType == mediaType }) {
                self = known
                return
            }
            let essence = mediaType.prefix { $0 != ";" }.lowercased()
            let end = essence.utf8.reversed().drop { $0 == UInt8(ascii: " ") }.startIndex.base
            let parts = essence[..<end].split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2,
                parts.allSatisfy({
                    (1...Self.maximumPartBytes).contains($0.utf8.count) && $0.utf8.allSatisfy(\.isTokenByte)
                })
            else {
                throw ValidationError(
                    field: "contentType",
                    message: "\(mediaType.quotedForDisplay) is not a media type such as application/json"
                )
            }
            self.mediaType = parts.joined(separator: "/")
        }

        private init(known mediaType: String) {
            self.mediaType = mediaType
        }

        private static let known: [Format] = [.json, .yaml, .toml, .plain, .binary]

        /// JSON (RFC 8259).
        public static let json = Format(known: "application/json")
        /// YAML 1.2 (RFC 9512).
        public static let yaml = Format(known: "application/yaml")
        /// TOML 1.0.
        public static let toml = Format(known: "application/toml")
        /// Text of any kind.
        public static let plain = Format(known: "text/plain")
        /// Bytes of any kind.
        public static let binary = Format(known: "application/octet-stream")
    }

    /// The bytes.
    public var bytes: [UInt8]
    /// What kind of text they are.
    public var format: Format

    /// Creates a content.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - format: What kind of text they are; bytes of any kind by default.
    public init(bytes: [UInt8], format: Format = .binary) {
        self.bytes = bytes
        self.format = format
    }

    /// Creates a content from a text.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - format: What kind of text it is; any kind by default.
    public init(_ text: String, format: Format = .plain) {
        self.init(bytes: Array(text.utf8), format: format)
    }

    /// The bytes as a text; `nil` for what is no UTF-8.
    public var text: String? { String(validating: self.bytes, as: UTF8.self) }
}

extension UInt8 {
    /// What a name of HTTP may have (RFC 9110 section 5.6.2).
    fileprivate var isTokenByte: Bool {
        self.isASCIILetter || self.isDigit || "!#$%&'*+-.^_`|~".utf8.contains(self)
    }
}
