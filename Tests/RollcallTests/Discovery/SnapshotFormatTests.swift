import Foundation
import Testing

@testable import Rollcall

@Suite("SnapshotFormat", .timeLimit(.minutes(1)))
struct SnapshotFormatTests {
    @Test("contents are read as they were written, in their order, with every member")
    func roundTrip() throws {
        let contents = try Self.contents(services: 50)
        let bytes = try SnapshotFormat.bytes(of: contents)
        #expect(try SnapshotFormat.contents(of: bytes) == contents)
        #expect(bytes.count { $0 == UInt8(ascii: "\n") } == 1)
        let nothing = SnapshotContents(namespace: .default, backend: "", writtenAt: Self.moment, services: [])
        #expect(try SnapshotFormat.contents(of: SnapshotFormat.bytes(of: nothing)) == nothing)
    }

    @Test("the first bytes of a file stay what they are, so that later versions can tell them")
    func heading() throws {
        let contents = SnapshotContents(namespace: .default, backend: "hub", writtenAt: Self.moment, services: [])
        let json =
            #"{"schema":1,"namespace":"default","backend":"hub","writtenAt":"2026-11-21T07:30:00.123Z","services":[]}"#
        #expect(
            String(decoding: try SnapshotFormat.bytes(of: contents), as: UTF8.self)
                == "rollcall-snapshot 1 \(json.utf8.count) \(CRC32C.text(json.utf8))\n\(json)"
        )
    }

    @Test("members that this version does not know are ignored")
    func unknownMembers() throws {
        let json =
            #"{"new":[1],"services":[{"instances":[],"more":{},"service":"web"}],"writtenAt":"2026-11-21T07:30:00Z","#
            + #""backend":"hub","namespace":"default","schema":1}"#
        let contents = try SnapshotFormat.contents(of: Self.file(json))
        #expect(contents.services == [.init(name: try ServiceName("web"), instances: [])])
    }

    @Test("a file cut off at any byte is refused")
    func truncation() throws {
        let bytes = try SnapshotFormat.bytes(of: Self.contents(services: 2))
        for count in 0..<bytes.count {
            let error = try #require(throws: BackendError.self) {
                try SnapshotFormat.contents(of: Array(bytes[..<count]))
            }
            #expect(error.code == .protocolViolation)
            if count > 60 { #expect(error.message.contains("cut off"), "\(error)") }
        }
        let longer = try #require(throws: BackendError.self) { try SnapshotFormat.contents(of: bytes + [0x20]) }
        #expect(longer.message.contains("something follows its end"))
    }

    @Test("a file with any one byte damaged is refused")
    func damage() throws {
        let bytes = try SnapshotFormat.bytes(of: Self.contents(services: 2))
        for index in bytes.indices {
            for damage in [0x01, 0x20, 0x80, 0xFF] as [UInt8] {
                var damaged = bytes
                damaged[index] ^= damage
                let error = try #require(throws: BackendError.self) { try SnapshotFormat.contents(of: damaged) }
                #expect([.protocolViolation, .unsupported].contains(error.code), "byte \(index): \(error)")
            }
        }
    }

    @Test("another version is refused by its name, in the heading and in the JSON")
    func versions() throws {
        let bytes = try SnapshotFormat.bytes(of: Self.contents(services: 1))
        let text = String(decoding: bytes, as: UTF8.self)
        for (old, new) in [("snapshot 1 ", "snapshot 2 "), ("snapshot 1 ", "snapshot 10 ")] {
            let other = Array(text.replacingOccurrences(of: old, with: new).utf8)
            let error = try #require(throws: BackendError.self) { try SnapshotFormat.contents(of: other) }
            #expect(error.code == .unsupported)
            #expect(error.message.contains(String(new.split(separator: " ")[1])))
        }
        let error = try #require(throws: BackendError.self) {
            try SnapshotFormat.contents(of: Self.file(#"{"schema":2,"services":7}"#))
        }
        #expect(error.code == .unsupported)
    }

    @Test(
        "JSON with the right checksum that says something else is refused, and the error names the field",
        arguments: [
            ("{}", "writtenAt"), ("[]", "an object"), ("", "an object"), (#"{"schema":1}"#, "writtenAt"),
            (#"{"schema":1,"services":[{"service":"web"}]}"#, "services[0].instances"),
            (#"{"schema":1,"services":[{"instances":[]}]}"#, "services[0].service"),
            (#"{"schema":1,"services":[{"service":"web","instances":[{"schema":1,"id":"a"}]}]}"#, "instances[0]"),
            (#"{"schema":1,"writtenAt":"yesterday"}"#, "writtenAt"),
        ]
    )
    func badJSON(_ json: String, _ field: String) throws {
        let error = try #require(throws: BackendError.self) { try SnapshotFormat.contents(of: Self.file(json)) }
        #expect(error.code == .protocolViolation)
        #expect(error.message.contains(field), "\(error)")
    }

    @Test(
        "a service or instance that is there twice, or an instance under another service, is neither written nor read"
    )
    func duplicates() throws {
        let web = try Self.contents(services: 1).services[0]
        let other = try ServiceName("other")
        let bad: [[SnapshotContents.Service]] = [
            [web, web], [.init(name: web.name, instances: web.instances + web.instances)],
            [.init(name: other, instances: web.instances)],
        ]
        for services in bad {
            let contents = SnapshotContents(
                namespace: .default,
                backend: "hub",
                writtenAt: Self.moment,
                services: services
            )
            #expect(throws: ValidationError.self) { try SnapshotFormat.bytes(of: contents) }
        }
        let json = String(decoding: try Self.contents(services: 1).json(), as: UTF8.self)
        let list = json.replacingOccurrences(
            of: #""services":[{"#,
            with: #""services":[{"service":"s0","instances":[]},{"#
        )
        #expect(list != json)
        #expect(throws: BackendError.self) { try SnapshotFormat.contents(of: Self.file(list)) }
        var late = try Self.contents(services: 1)
        late.writtenAt = .distantFuture.addingTimeInterval(1e12)
        #expect(throws: ValidationError.self) { try SnapshotFormat.bytes(of: late) }
    }

    @Test("random bytes behind a right heading never trap", arguments: 0..<4)
    func fuzz(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let json = try Self.contents(services: 1).json()
        for _ in 0..<500 {
            var damaged = json
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                damaged[Int.random(in: damaged.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            // What is still valid JSON may be read: the checksum fits it.
            _ = try? SnapshotFormat.contents(of: Self.file(String(decoding: damaged, as: UTF8.self)))
            _ = try? SnapshotFormat.contents(of: damaged)
        }
    }

    static let moment = Date(timeIntervalSince1970: 1_795_246_200.123)

    static func contents(services: Int, backend: String = "hub") throws -> SnapshotContents {
        SnapshotContents(
            namespace: try Namespace("team"),
            backend: backend,
            writtenAt: self.moment,
            // Not in order of their names, which must not matter.
            services: try (0..<services).reversed().map { number in
                let name = try ServiceName("s\(number)")
                let instance = try ServiceInstance(
                    service: name,
                    id: InstanceID("é \(number)"),
                    endpoints: [Endpoint("http://10.0.0.7:8080"), Endpoint("grpc://[::1]:9090")],
                    version: SemanticVersion("1.2.3"),
                    zone: "a",
                    weight: number % 7,
                    tags: ["blue", "fast"],
                    metadata: ["team": "\"quoted\" \\ ü"],
                    status: .warning
                )
                return .init(name: name, instances: number % 5 == 4 ? [] : [instance])
            }
        )
    }

    private static func file(_ json: String) -> [UInt8] {
        Array("rollcall-snapshot 1 \(json.utf8.count) \(CRC32C.text(json.utf8))\n\(json)".utf8)
    }
}
