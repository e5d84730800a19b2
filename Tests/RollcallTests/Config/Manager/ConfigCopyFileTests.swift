import Foundation
import Testing

@testable import Rollcall

/// The file of last good editions by itself.
@Suite("File of last good editions")
struct ConfigCopyFileTests {
    private let main: ConfigKey

    init() throws {
        self.main = try ConfigKey("config/main")
    }

    private func file(_ key: SealingKey? = nil) throws -> ConfigCopyFile {
        try ConfigCopyFile(path: "/nowhere/config.copy", key: key)
    }

    @Test("no damage of a file is taken for a copy, sealed or not", arguments: [true, false])
    func damage(isSealed: Bool) throws {
        let file = try self.file(isSealed ? SealingKey() : nil)
        let item = ConfigCopy.Item(
            key: self.main,
            name: "Main",
            version: 7,
            content: ConfigContent(bytes: [0, 255, 10], format: .binary),
            asOf: Date(timeIntervalSince1970: 1_800_000_000.125)
        )
        let copy = ConfigCopy(namespace: .default, backend: "scripted", items: [item])
        let bytes = file.bytes(of: copy)
        #expect(try file.copy(of: bytes) == copy)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x10
            #expect(throws: BackendError.self) { try file.copy(of: damaged) }
            #expect(throws: BackendError.self) { try file.copy(of: Array(bytes[..<index])) }
        }
    }

    @Test("JSON of a later version, or that says a thing twice or half, is refused by name")
    func badJSON() throws {
        let frame = FileFrame(name: "rollcall-config", version: "1", contents: "JSON")
        let item = #"{"key":"a","version":1,"contentType":"text/plain","content":"aGk=","asOf":"2026-11-21T07:30:00Z"}"#
        func failure(_ json: String) throws -> String {
            let file = try self.file()
            let bytes = frame.bytes(around: Array(json.utf8))
            return "\(try #require(throws: BackendError.self) { try file.copy(of: bytes) })"
        }
        let head = #"{"schema":1,"namespace":"default","backend":"memory","items":["#
        #expect(try self.file().copy(of: frame.bytes(around: Array((head + item + "]}").utf8))).items.count == 1)
        #expect(try failure(#"{"schema":2}"#).contains("2 is not a schema"))
        #expect(try failure(head + item + "," + item + "]}").contains("a key is there twice"))
        #expect(try failure(head + item.replacing("aGk=", with: "§") + "]}").contains("is not base64"))
        #expect(try failure(head + item.replacing(#""version":1,"#, with: "") + "]}").contains("version: is missing"))
        #expect(try failure(head + item.replacing(":1,", with: ":0,") + "]}").contains("0 is below 1"))
        #expect(try failure(#"{"schema":1}"#).contains("namespace: is missing"))
    }
}
