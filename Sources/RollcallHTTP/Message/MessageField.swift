public import Rollcall

/// A header field of a request or a response.
public struct MessageField: Hashable, Sendable, CustomStringConvertible {
    /// Its name, as it is written; case makes no difference.
    public let name: String
    /// Its value.
    public let value: String

    /// Creates a field.
    ///
    /// - Parameters:
    ///   - name: A token (RFC 9110 section 5.6.2). Not one of those that frame a message or belong to the connection:
    ///     they are written by the library.
    ///   - value: Without control characters, which would forge other fields.
    /// - Throws: A ``Rollcall/ValidationError`` that names the field.
    public init(_ name: String, _ value: String) throws(ValidationError) {
        guard Self.isToken(name) else {
            throw ValidationError(
                field: "header",
                message: "\(name.quotedForDisplay) is not the name of a header field"
            )
        }
        guard !Self.reserved.contains(name.lowercased()) else {
            throw ValidationError(field: name, message: "the header field \(name) is written by the library")
        }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw ValidationError(field: name, message: "the value of the header field \(name) has control characters")
        }
        self.init(unchecked: name, value)
    }

    /// Takes what was received.
    package init(unchecked name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The text form.
    public var description: String { "\(self.name): \(self.value)" }

    /// Those that frame the message or belong to one connection (RFC 9110 section 7.6.1, RFC 9112 section 6).
    private static let reserved: Set<String> = [
        "connection", "content-length", "date", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// Whether a text is a token (RFC 9110 section 5.6.2).
    package static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

extension [MessageField] {
    /// The value of the first field with a name, in whatever case; `nil` when there is none.
    public subscript(_ name: String) -> String? {
        self.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
