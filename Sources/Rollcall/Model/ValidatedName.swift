/// What distinguishes one sort of ``ValidatedName`` from another.
public protocol NameKind: Sendable {
    /// What the name is called in messages, and the field that errors name.
    static var label: String { get }
    /// The greatest length in bytes of UTF-8.
    static var maximumBytes: Int { get }
    /// Whether a `/` at the beginning is dropped; false by default.
    static var dropsLeadingSlash: Bool { get }
}

extension NameKind {
    /// Whether a `/` at the beginning is dropped.
    public static var dropsLeadingSlash: Bool { false }
}

/// A name that was checked when it was made: not empty, no control characters, no `*`, and not too long.
///
/// Every backend takes every legal name; a driver escapes what its key space cannot hold.
public struct ValidatedName<Kind: NameKind>: Hashable, Sendable {
    /// The name itself.
    public let text: String

    /// Checks and wraps a name.
    ///
    /// - Parameter text: The name.
    /// - Throws: A ``ValidationError`` that says which rule the text breaks.
    public init(_ text: some StringProtocol) throws(ValidationError) {
        let isLed = Kind.dropsLeadingSlash && text.utf8.first == UInt8(ascii: "/")
        let text = Substring(Substring(text).utf8.dropFirst(isLed ? 1 : 0))
        func fail(_ message: String, limit: Int? = nil) -> ValidationError {
            ValidationError(field: Kind.label, message: message, limit: limit)
        }
        guard !text.isEmpty else { throw fail("must not be empty") }
        guard text.utf8.count <= Kind.maximumBytes else {
            throw fail(
                "\(text.quotedForDisplay) has \(text.utf8.count) bytes, and at most \(Kind.maximumBytes) are allowed",
                limit: Kind.maximumBytes
            )
        }
        guard !text.utf8.contains(UInt8(ascii: "*")) else {
            throw fail("\(text.quotedForDisplay) contains '*', which stands for any name in patterns")
        }
        guard !text.hasControlCharacter else {
            throw fail("\(text.quotedForDisplay) contains a control character")
        }
        self.text = String(text)
    }

    private init(verbatim text: String) {
        self.text = text
    }

    /// Wraps a text that is legal by construction.
    ///
    /// Not an initialiser, because `Name.init` as a function would mean either.
    package static func trusting(_ text: String) -> Self { Self(verbatim: text) }
}

extension ValidatedName: Equatable {
    /// Compares bytes.
    ///
    /// `String` compares by canonical equivalence, under which two keys of a backend would be one here.
    public static func == (lhs: Self, rhs: Self) -> Bool {
        // Texts that differ mostly do so for `String`, too, which is faster at it than a comparison byte by byte.
        guard lhs.text == rhs.text, lhs.text.utf8.count == rhs.text.utf8.count else { return false }
        let isSame = lhs.text.utf8.withContiguousStorageIfAvailable { left in
            rhs.text.utf8.withContiguousStorageIfAvailable { right in
                UnsafeRawBufferPointer(left).elementsEqual(UnsafeRawBufferPointer(right))
            }
        }
        return isSame.flatMap(\.self) ?? lhs.text.utf8.elementsEqual(rhs.text.utf8)
    }
}

extension ValidatedName: Comparable {
    /// Orders by bytes, so that the order is the same on every machine and in every locale.
    public static func < (lhs: Self, rhs: Self) -> Bool {
        lhs.text.utf8.lexicographicallyPrecedes(rhs.text.utf8)
    }
}

extension ValidatedName: CustomStringConvertible {
    /// The text form.
    public var description: String { self.text }
}
