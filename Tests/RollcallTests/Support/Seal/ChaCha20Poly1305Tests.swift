import Testing

@testable import Rollcall

@Suite("ChaCha20-Poly1305 against RFC 8439 and draft-irtf-cfrg-xchacha", .timeLimit(.minutes(1)))
struct ChaCha20Poly1305Tests {
    private static let counting = Array(UInt8(0)..<32)
    private static let eighty = Array(UInt8(0x80)..<0xA0)
    private static let sunscreen = Array(
        ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
            + "sunscreen would be it.").utf8
    )

    private static func block(_ key: [UInt8], _ nonce: String, _ counter: UInt32) throws -> String {
        var stream = ChaCha20(key: key[...], counter: counter, nonce: try bytes(nonce)[...])
        return withUnsafeBytes(of: stream.next()) { Array($0) }.hexadecimal
    }

    @Test("RFC 8439 section 2.3.2: one block")
    func block() throws {
        #expect(
            try Self.block(Self.counting, "000000090000004a00000000", 1)
                == "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
                + "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
        )
    }

    @Test("RFC 8439 appendix A.1, vectors 1 and 2: blocks of a key of zeros")
    func zeroBlocks() throws {
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(
            try Self.block(zeros, "000000000000000000000000", 0)
                == "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                + "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        )
        #expect(
            try Self.block(zeros, "000000000000000000000000", 1)
                == "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
                + "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
        )
    }

    @Test("RFC 8439 section 2.4.2: a text over two blocks")
    func cipher() throws {
        let nonce = try bytes("000000000000004a00000000")
        let sealed = ChaCha20(key: Self.counting[...], counter: 1, nonce: nonce[...]).combine(Self.sunscreen[...])
        #expect(
            sealed.hexadecimal
                == "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
                + "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
                + "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
                + "5af90bbf74a35be6b40b8eedf2785e42874d"
        )
        let opened = ChaCha20(key: Self.counting[...], counter: 1, nonce: nonce[...]).combine(sealed[...])
        #expect(opened == Self.sunscreen)
    }

    @Test("RFC 8439 section 2.6.2: the key of the authenticator")
    func authenticatorKey() throws {
        #expect(
            try Self.block(Self.eighty, "000000000001020304050607", 0)
                .hasPrefix("8ad5a08b905f81cc815040274ab29471a833b637e3fd0da508dbb8e2fdd1a646")
        )
    }

    @Test(
        "RFC 8439 section 2.5.2 and appendix A.3, vectors 7 to 11: the authenticator, its carries and reductions",
        arguments: [
            (
                "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
                "43727970746f6772617068696320466f72756d2052657365617263682047726f7570",
                "a8061dc1305136c6c22b8baf0c0127a9"
            ),
            (
                "0200000000000000000000000000000000000000000000000000000000000000",
                "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000"
            ),
            (
                "02000000000000000000000000000000ffffffffffffffffffffffffffffffff",
                "02000000000000000000000000000000", "03000000000000000000000000000000"
            ),
            (
                "0100000000000000000000000000000000000000000000000000000000000000",
                "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff11000000000000000000000000000000",
                "05000000000000000000000000000000"
            ),
            (
                "0100000000000000000000000000000000000000000000000000000000000000",
                "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe01010101010101010101010101010101",
                "00000000000000000000000000000000"
            ),
            (
                "0200000000000000000000000000000000000000000000000000000000000000",
                "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff"
            ),
        ]
    )
    func authenticator(_ key: String, _ message: String, _ tag: String) throws {
        #expect(try Self.tag(key, message) == tag)
    }

    @Test("RFC 8439 appendix A.3, vectors 12 and 13: a sum just above and just below the prime")
    func reductions() throws {
        let key = "0100000000000000040000000000000000000000000000000000000000000000"
        let message =
            "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000" + "00000000000000000000000000000000"
        #expect(try Self.tag(key, message + "01000000000000000000000000000000") == "14000000000000005500000000000000")
        #expect(try Self.tag(key, message) == "13000000000000000000000000000000")
    }

    @Test("RFC 8439 section 2.8.2: sealing")
    func sealing() throws {
        try Self.check(
            nonce: "070000004041424344454647",
            sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                + "3ff4def08e4b7a9de576d26586cec64b6116",
            tag: "1ae10b594f09e26a7e902ecbd0600691"
        )
    }

    @Test("draft-irtf-cfrg-xchacha section 2.2.1: the key that HChaCha20 makes")
    func subkey() throws {
        let subkey = ChaCha20.subkey(
            key: Self.counting[...],
            nonce: try bytes("000000090000004a0000000031415927")[...]
        )
        #expect(subkey.hexadecimal == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")
    }

    @Test("draft-irtf-cfrg-xchacha appendix A.3.1: sealing with a nonce of 24 bytes")
    func longNonce() throws {
        try Self.check(
            nonce: "404142434445464748494a4b4c4d4e4f5051525354555657",
            sealed: "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                + "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                + "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                + "21f9664c97637da9768812f615c68b13b52e",
            tag: "c0875924c1c7987947deafd8780acf49"
        )
    }

    private static func check(nonce: String, sealed: String, tag: String) throws {
        let nonce = try bytes(nonce)
        let context = try bytes("50515253c0c1c2c3c4c5c6c7")
        let found = ChaCha20Poly1305.seal(
            Self.sunscreen[...],
            key: Self.eighty[...],
            nonce: nonce[...],
            context: context[...]
        )
        #expect(found.hexadecimal == sealed + tag)
        let opened = ChaCha20Poly1305.open(
            found[...],
            key: Self.eighty[...],
            nonce: nonce[...],
            context: context[...]
        )
        #expect(opened == Self.sunscreen)
    }

    private static func tag(_ key: String, _ message: String) throws -> String {
        var authenticator = Poly1305(key: try bytes(key)[...])
        authenticator.add(try bytes(message)[...])
        return withUnsafeBytes(of: authenticator.tag().littleEndian) { Array($0) }.hexadecimal
    }
}

/// The bytes of hexadecimal digits.
func bytes(_ hexadecimal: String) throws -> [UInt8] {
    let digits = try hexadecimal.utf8.map { try #require($0.hexadecimalValue) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

extension [UInt8] {
    /// Two digits for each.
    var hexadecimal: String {
        self.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
