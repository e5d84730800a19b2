#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A secret of 32 bytes with which files are encrypted, such as the last good copy of configurations.
///
/// Whoever has it reads them, and can make others that are taken for true. No text form of it shows a byte, neither in
/// logs nor in a debugger. Its bytes are not wiped from memory.
///
/// A key for a file: `umask 077; head -c 32 /dev/urandom | base64 > rollcall.key`.
public struct SealingKey: Sendable {
    /// How many bytes a key has.
    public static let byteCount = 32

    private let bytes: [UInt8]

    /// Creates a new key from the system's generator.
    public init() {
        var generator = SystemRandomNumberGenerator()
        self.bytes = Self.random(Self.byteCount, &generator)
    }

    /// Creates a key from its bytes.
    ///
    /// - Parameter bytes: 32 bytes that nobody can guess; a password is none.
    /// - Throws: A ``ValidationError`` for any other number of bytes.
    public init(bytes: some Collection<UInt8>) throws(ValidationError) {
        guard bytes.count == Self.byteCount else {
            throw ValidationError(
                field: "key",
                message: "a key has \(Self.byteCount) bytes, not \(bytes.count)",
                limit: Self.byteCount
            )
        }
        self.bytes = Array(bytes)
    }

    /// Reads a key from a text, such as an environment variable.
    ///
    /// - Parameter base64: 32 bytes in base64, with white space around them or without.
    /// - Throws: A ``ValidationError`` that does not show the text.
    public init(base64: some StringProtocol) throws(ValidationError) {
        let trimmed = base64.split(whereSeparator: \.isWhitespace)
        guard trimmed.count == 1, let bytes = Data(base64Encoded: String(trimmed[0])) else {
            throw ValidationError(
                field: "key",
                message: "a key is \(Self.byteCount) bytes in base64; this is not base64"
            )
        }
        try self.init(bytes: bytes)
    }

    /// Seals bytes for a file.
    ///
    /// Every call gives something else, because a random nonce of 24 bytes goes in front (XChaCha20-Poly1305). Nobody
    /// need count calls: after 2^80 of them with one key, the chance that two had the same nonce is one in 2^32.
    ///
    /// - Parameters:
    ///   - bytes: What to seal.
    ///   - context: What the file is, such as its purpose and name, without which it cannot be opened: so no file can be
    ///     put in the place of another.
    /// - Returns: The nonce, the bytes unreadable, and a tag: ``overhead`` more than before.
    package func seal(_ bytes: [UInt8], context: String) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return self.seal(bytes, context: context, nonce: Self.random(ChaCha20Poly1305.longNonceBytes, &generator))
    }

    /// Opens what was sealed.
    ///
    /// - Parameters:
    ///   - sealed: What ``seal(_:context:)`` returned.
    ///   - context: As it was sealed.
    /// - Returns: The bytes.
    /// - Throws: A ``SealError`` if a single bit is another, or the key or the context is.
    package func open(_ sealed: [UInt8], context: String) throws(SealError) -> [UInt8] {
        guard sealed.count >= Self.overhead else { throw .tooShort(sealed.count) }
        let opened = ChaCha20Poly1305.open(
            sealed.dropFirst(ChaCha20Poly1305.longNonceBytes),
            key: self.bytes[...],
            nonce: sealed.prefix(ChaCha20Poly1305.longNonceBytes),
            context: Array(context.utf8)[...]
        )
        guard let opened else { throw .notAuthentic }
        return opened
    }

    /// How many bytes sealing adds.
    package static let overhead = ChaCha20Poly1305.longNonceBytes + ChaCha20Poly1305.tagBytes

    func seal(_ bytes: [UInt8], context: String, nonce: [UInt8]) -> [UInt8] {
        nonce
            + ChaCha20Poly1305.seal(
                bytes[...],
                key: self.bytes[...],
                nonce: nonce[...],
                context: Array(context.utf8)[...]
            )
    }

    private static func random(_ count: Int, _ generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}

extension SealingKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// That it is a key, and nothing of it.
    public var description: String { "SealingKey(…)" }
    /// That it is a key, and nothing of it.
    public var debugDescription: String { self.description }
    /// No parts, so that no debugger prints any.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why sealed bytes are not opened.
package enum SealError: Error, Hashable, CustomStringConvertible {
    /// There are fewer than sealing alone makes.
    case tooShort(Int)
    /// They are not what was sealed with this key for this purpose.
    case notAuthentic

    /// The text form.
    package var description: String {
        switch self {
        case .tooShort(let count):
            "\(count) bytes are not sealed; that alone takes \(SealingKey.overhead)"
        case .notAuthentic:
            "the sealed bytes are damaged, or they were sealed with another key or for another place"
        }
    }
}
