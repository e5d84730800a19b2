import Foundation
import Testing

@testable import Rollcall

@Suite("Sealing files", .timeLimit(.minutes(1)))
struct SealingKeyTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    @Test(
        "what is sealed is opened again, and is something else every time",
        arguments: [0, 1, 15, 16, 63, 64, 65, 1000]
    )
    func roundTrip(_ count: Int) throws {
        let key = SealingKey()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let sealed = key.seal(bytes, context: "a")
        #expect(sealed.count == count + SealingKey.overhead)
        #expect(try key.open(sealed, context: "a") == bytes)
        #expect(key.seal(bytes, context: "a") != sealed)
    }

    @Test("a change of any bit, another key, another context and a cut end are refused")
    func changes() throws {
        let key = SealingKey()
        let sealed = key.seal(Array("secret".utf8), context: "configs/1")
        for index in sealed.indices {
            for bit in [UInt8(1), 0x80] {
                var changed = sealed
                changed[index] ^= bit
                #expect(throws: SealError.notAuthentic) { try key.open(changed, context: "configs/1") }
            }
        }
        #expect(throws: SealError.notAuthentic) { try SealingKey().open(sealed, context: "configs/1") }
        #expect(throws: SealError.notAuthentic) { try key.open(sealed, context: "configs/2") }
        #expect(throws: SealError.notAuthentic) { try key.open(sealed + [0], context: "configs/1") }
        for count in 0..<sealed.count {
            #expect(throws: SealError.self) { try key.open(Array(sealed.prefix(count)), context: "configs/1") }
        }
        #expect(throws: SealError.tooShort(39)) { try key.open([UInt8](repeating: 0, count: 39), context: "") }
    }

    @Test("no text form shows a byte of the key")
    func silence() throws {
        let base64 = Data("hunter2-hunter2-hunter2-hunter2-".utf8).base64EncodedString()
        let key = try SealingKey(base64: base64)
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped, "\([key])", "\(Optional(key) as Any)"] {
            #expect(text.contains("SealingKey(…)"))
            #expect(!text.contains("104") && !text.contains("hunter"))
        }
    }

    @Test("bytes and texts of 32 bytes are keys, others are refused and not shown")
    func forms() throws {
        let bytes = Array("hunter2-hunter2-hunter2-hunter2-".utf8)
        let base64 = Data(bytes).base64EncodedString()
        let sealed = try SealingKey(bytes: bytes).seal([1, 2, 3], context: "")
        #expect(try SealingKey(base64: "\n \(base64)\n").open(sealed, context: "") == [1, 2, 3])
        for count in [0, 31, 33] {
            let error = try #require(throws: ValidationError.self) {
                try SealingKey(bytes: [UInt8](repeating: 0, count: count))
            }
            #expect(error.message == "a key has 32 bytes, not \(count)")
        }
        for text in ["", "hunter2", "hunter2!", base64 + " " + base64, String(base64.dropLast(4))] {
            let error = try #require(throws: ValidationError.self) { try SealingKey(base64: text) }
            #expect(error.field == "key" && !error.message.contains("hunter"))
        }
    }

    @Test("a key is read from a file of mode 600 or 400, also over a link")
    func files() throws {
        let path = self.folder.path + "/key"
        let base64 = Data(repeating: 7, count: 32).base64EncodedString()
        try self.folder.write(Array("\(base64)\n".utf8), to: "key")
        let sealed = try SealingKey(bytes: [UInt8](repeating: 7, count: 32)).seal([1], context: "")
        #expect(try SealingKey(file: path).open(sealed, context: "") == [1])
        chmod(path, 0o400)
        #expect(symlink("key", self.folder.path + "/link") == 0)
        #expect(try SealingKey(file: self.folder.path + "/link").open(sealed, context: "") == [1])
    }

    @Test(
        "a file that others may read or write is refused",
        arguments: [0o640, 0o604, 0o620, 0o644, 0o666, 0o610] as [mode_t]
    )
    func modes(_ mode: mode_t) throws {
        let path = self.folder.path + "/key"
        try self.folder.write(Array(Data(repeating: 7, count: 32).base64EncodedString().utf8), to: "key")
        chmod(path, mode)
        let error = try #require(throws: BackendError.self) { try SealingKey(file: path) }
        #expect(error.code == .permissionDenied)
        #expect(error.message.contains("mode \(String(mode, radix: 8))"))
    }

    @Test("no file, a folder, a pipe, and a content that is no key are refused, and the content is not shown")
    func badFiles() throws {
        func refusal(_ name: String) throws -> BackendError {
            try #require(throws: BackendError.self) { try SealingKey(file: self.folder.path + "/" + name) }
        }
        #expect(try refusal("none").code == .notFound)
        #expect(try refusal("").code == .permissionDenied)
        #expect(mkfifo(self.folder.path + "/pipe", 0o600) == 0)
        #expect(try refusal("pipe").code == .permissionDenied)
        for content in [Array("hunter2".utf8), [], [0xFF], [UInt8](repeating: 0x41, count: 5000)] {
            try self.folder.write(content, to: "bad")
            let error = try refusal("bad")
            #expect(error.code == .invalidArgument)
            #expect(!error.message.contains("hunter2") && !error.message.contains("AAAA"))
        }
    }
}
