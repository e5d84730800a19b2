/// Encryption that shows every change: ChaCha20-Poly1305 (RFC 8439 section 2.8), also with a nonce of 24 bytes.
///
/// For files at rest only; see `docs/decisions/0006-own-chacha20-poly1305.md`.
enum ChaCha20Poly1305 {
    /// The bytes of a key.
    static let keyBytes = 32
    /// The bytes of a tag, which stands behind what is sealed.
    static let tagBytes = 16
    /// The bytes of a nonce that may be random: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha section 2).
    static let longNonceBytes = 24

    /// Seals bytes with a nonce of 12 bytes that was never used with the key, or with a random one of 24.
    ///
    /// - Parameters:
    ///   - bytes: What to seal.
    ///   - key: 32 bytes.
    ///   - nonce: 12 or 24 bytes.
    ///   - context: What must be the same to open it, and is not in the result.
    /// - Returns: The bytes unreadable, and the tag.
    static func seal(
        _ bytes: ArraySlice<UInt8>,
        key: ArraySlice<UInt8>,
        nonce: ArraySlice<UInt8>,
        context: ArraySlice<UInt8>
    ) -> [UInt8] {
        let (key, nonce) = self.shortened(key, nonce)
        let sealed = ChaCha20(key: key, counter: 1, nonce: nonce).combine(bytes)
        let tag = self.tag(of: sealed[...], key: key, nonce: nonce, context: context)
        return sealed + withUnsafeBytes(of: tag.littleEndian) { Array($0) }
    }

    /// What was sealed, or `nil` if it is not exactly that, or the key or the context is another.
    ///
    /// - Parameters:
    ///   - sealed: What `seal` returned.
    ///   - key: As it was sealed.
    ///   - nonce: As it was sealed.
    ///   - context: As it was sealed.
    /// - Returns: The bytes.
    static func open(
        _ sealed: ArraySlice<UInt8>,
        key: ArraySlice<UInt8>,
        nonce: ArraySlice<UInt8>,
        context: ArraySlice<UInt8>
    ) -> [UInt8]? {
        guard sealed.count >= self.tagBytes else { return nil }
        let (key, nonce) = self.shortened(key, nonce)
        let bytes = sealed.dropLast(self.tagBytes)
        let found = sealed.suffix(self.tagBytes).reversed().reduce(UInt128(0)) { $0 &<< 8 | UInt128($1) }
        let difference = found ^ self.tag(of: bytes, key: key, nonce: nonce, context: context)
        // One comparison of all bits, so that its time does not tell how many were right.
        let folded = UInt64(truncatingIfNeeded: difference) | UInt64(truncatingIfNeeded: difference &>> 64)
        return folded == 0 ? ChaCha20(key: key, counter: 1, nonce: nonce).combine(bytes) : nil
    }

    /// A key of its own for a nonce of 24 bytes, with which the last eight of them suffice.
    private static func shortened(
        _ key: ArraySlice<UInt8>,
        _ nonce: ArraySlice<UInt8>
    ) -> (key: ArraySlice<UInt8>, nonce: ArraySlice<UInt8>) {
        guard nonce.count == self.longNonceBytes else { return (key, nonce) }
        return (ChaCha20.subkey(key: key, nonce: nonce.prefix(16))[...], [0, 0, 0, 0] + nonce.dropFirst(16))
    }

    private static func tag(
        of sealed: ArraySlice<UInt8>,
        key: ArraySlice<UInt8>,
        nonce: ArraySlice<UInt8>,
        context: ArraySlice<UInt8>
    ) -> UInt128 {
        var stream = ChaCha20(key: key, counter: 0, nonce: nonce)
        var authenticator = Poly1305(key: withUnsafeBytes(of: stream.next()) { Array($0.prefix(32)) }[...])
        authenticator.addPadded(context)
        authenticator.addPadded(sealed)
        let lengths = [context.count, sealed.count].flatMap { count in
            (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        }
        authenticator.add(lengths[...])
        return authenticator.tag()
    }
}
