import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite(
    "Configuration and locks in a real Consul",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealStorageTests {
    @Test("a batch that is sent twice is made once", arguments: ServerProgram.consul)
    func repeatedBatch(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            func draft(_ text: String) -> ConfigDraft {
                var draft = ConfigDraft(ConfigContent(text))
                draft.writeID = "0123456789abcdef0123456789abcdef"
                return draft
            }
            let changes = [
                ConfigChange(try ConfigKey("a"), .write(draft("1")), expecting: .absent),
                ConfigChange(try ConfigKey("b"), .write(draft("2")), expecting: .any),
            ]
            let first = try await backend.apply(changes)
            let second = try await backend.apply(changes)
            #expect(first == second && first.map { $0?.version } == [1, 1])
        }
    }

    @Test("what others write is read, and can be written over under a higher version", arguments: ServerProgram.consul)
    func raw(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let key = try ConfigKey("shop/limits.json")
            let path = "/v1/kv/rollcall/default/config/shop/limits,2Ejson"
            try await consul.call("PUT", path, #"{"limit":1}"#)
            let raw = try #require(try await backend.entry(for: key))
            #expect(raw.content.text == #"{"limit":1}"# && "\(raw.version)" == raw.revision.text)
            let draft = ConfigDraft(ConfigContent(#"{"limit":2}"#, format: .json), name: "Limits")
            let written = try await backend.write(draft, to: key, expecting: .revision(raw.revision))
            #expect(written.version == raw.version + 1)
            let stored = try await consul.call("GET", path + "?raw")
            #expect(stored.split(separator: "\n").last == #"{"limit":2}"#)
            // A line of an envelope that nobody understands.
            try await consul.call("PUT", path, stored.replacingFirst("\"schema\":1", with: "\"schema\":9"))
            let error = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: key) }
            #expect(error?.code == .protocolViolation && (error?.cause as? ValidationError)?.field == "schema")
            let refused = await #expect(throws: BackendError.self) {
                _ = try await backend.write(draft, to: key, expecting: .any)
            }
            #expect(refused?.code == .protocolViolation)
            #expect(try await backend.keys(under: "").map(\.key) == [key])
            let states = MutexBox<[ConfigState]>([])
            try await alongside {
                _ = try? await backend.watch(key) { state in states.change { $0.append(state) } }
            } _: {
                try await eventually { states.value.count == 1 }
                guard case .undecodable = states.value[0] else { throw BackendError(.closed, "\(states.value)") }
                #expect(try await backend.delete(key, expecting: .any))
                try await eventually { states.value.last == .absent }
            }
        }
    }

    @Test("large contents and small ones are one to writers who compare", arguments: ServerProgram.consul)
    func large(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let key = try ConfigKey("large")
            let limit = ConsulBackend.maximumTransactedBytes
            var revision: ConfigRevision?
            for size in [limit - 2560, limit, limit + 1, 500 << 10, 10] {
                let draft = ConfigDraft(ConfigContent(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }))
                let entry = try await backend.write(
                    draft,
                    to: key,
                    expecting: revision.map { .revision($0) } ?? .absent
                )
                let conflict = await #expect(throws: BackendError.self) {
                    _ = try await backend.write(draft, to: key, expecting: revision.map { .revision($0) } ?? .absent)
                }
                #expect(conflict?.code == .conflict && conflict?.currentRevision == entry.revision.text)
                #expect(try await backend.entry(for: key) == entry)
                revision = entry.revision
            }
            let part = ConfigContent(bytes: Array(repeating: 1, count: 100 << 10))
            let changes = try (0..<3).map { ConfigChange(try ConfigKey("part/\($0)"), .write(ConfigDraft(part))) }
            #expect(try await backend.apply(changes).count == 3)
            let last = ConfigChange(try ConfigKey("part/3"), .write(ConfigDraft(part)))
            let more = changes + [last]
            let error = await #expect(throws: BackendError.self) { _ = try await backend.apply(more) }
            #expect(error?.code == .tooLarge && error?.limit == 512 << 10)
            let many = try (0..<64).map { number in
                ConfigChange(try ConfigKey("m/\(number)"), .write(ConfigDraft(ConfigContent("\(number)"))))
            }
            #expect(try await backend.apply(many).count == 64)
            #expect(try await backend.keys(under: "m/").count == 64)
            let removal = try (0..<65).map { ConfigChange(try ConfigKey("m/\($0)"), .delete) }
            let tooMany = await #expect(throws: BackendError.self) { _ = try await backend.apply(removal) }
            #expect(tooMany?.code == .tooLarge && tooMany?.limit == 64)
            #expect(try await backend.apply(Array(removal.prefix(64))).allSatisfy { $0 == nil })
        }
    }

    @Test("a lock leaves no key behind, and its end is noticed however it comes", arguments: ServerProgram.consul)
    func locks(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.lockDelay = .seconds(1) }
            let name = try LockName("nightly/report")
            let path = "/v1/kv/rollcall/default/locks/nightly,2Freport"
            let first = try await backend.acquire(name, ttl: .seconds(60))
            #expect(try await backend.holder(of: name)?.token == first.token)
            #expect(try await consul.call("GET", path).contains("3304740253564472344"))
            try await first.release()
            #expect(try await consul.raw("GET", path).status == 404)
            #expect(try await consul.json("/v1/session/list") as? [String] == [])
            // The key is deleted by somebody.
            let second = try await backend.acquire(name, ttl: .seconds(1))
            #expect(second.token > first.token)
            try await consul.call("DELETE", path)
            let deleted = await #expect(throws: BackendError.self) { try await second.keepAlive() }
            #expect(deleted?.code == .leaseLost)
            try await second.release()
            // The session is ended by somebody: nobody has the lock before its holder can know.
            let third = try await backend.acquire(name, ttl: .seconds(60))
            let sessions = try #require(try await consul.json("/v1/session/list") as? [[String: Any]])
            let session = try #require(sessions.first?["ID"] as? String)
            #expect(sessions.first?["LockDelay"] as? Int == 1_000_000_000)
            try await consul.call("PUT", "/v1/session/destroy/\(session)")
            let start = ContinuousClock.now
            let fourth = try await backend.acquire(name, ttl: .seconds(60))
            #expect(start.duration(to: .now) > .milliseconds(500))
            #expect(fourth.token > third.token)
            try await third.release()
            #expect(try await backend.holder(of: name)?.token == fourth.token)
        }
    }
}
