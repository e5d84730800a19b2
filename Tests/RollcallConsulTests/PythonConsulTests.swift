import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

/// Rollcall and programs that use python-consul, side by side on one Consul.
@Suite(
    "Beside python-consul",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul))),
    .enabled(if: PythonPackage.consul.isWanted, Comment(rawValue: PythonPackage.consul.skipReason))
)
struct PythonConsulTests {
    private static let script = String(#filePath.dropLast("PythonConsulTests.swift".count)) + "python_consul.py"

    /// Calls Consul by python-consul.
    private func python(_ consul: RealConsul, _ action: String, _ parameters: [String: Any]) async throws -> Any {
        let json = String(decoding: try JSONSerialization.data(withJSONObject: parameters), as: UTF8.self)
        let said = try await PythonPackage.consul.run(Self.script, ["\(consul.port)", action, json])
        let last = said.split(separator: "\n").last.map(String.init) ?? ""
        guard let value = try? JSONSerialization.jsonObject(with: Data(last.utf8), options: .fragmentsAllowed) else {
            throw BackendError(.protocolViolation, "\(action) of python-consul said: \(said)")
        }
        return value
    }

    @Test("services of both are seen by both, in open watches, too", arguments: ServerProgram.consul)
    func services(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let web = try ServiceName("web")
            let (seen, names) = (MutexBox<[[String]]>([]), MutexBox<[[String]]>([]))
            try await alongside {
                _ = try? await backend.watch(web) { snapshot in
                    seen.change { $0.append(snapshot.instances.map { "\($0.id) \($0.status) \($0.endpoint)" }) }
                }
            } _: {
                try await alongside {
                    _ = try? await backend.watchServices { list in names.change { $0.append(list.map(\.text)) } }
                } _: {
                    try await eventually { seen.value == [[]] && names.value.last?.contains("web") == false }
                    _ = try await self.python(
                        consul,
                        "register",
                        [
                            "name": "web", "id": "py-1", "address": "10.0.0.9", "port": 90, "tags": ["a"],
                            "meta": ["team": "shop"], "ttl": "60s",
                        ]
                    )
                    try await eventually { seen.value.last == ["py-1 critical http://10.0.0.9:90"] }
                    try await eventually { names.value.last?.contains("web") == true }
                    _ = try await self.python(consul, "pass", ["check": "service:py-1"])
                    try await eventually { seen.value.last == ["py-1 passing http://10.0.0.9:90"] }
                    let found = try await backend.instances(of: web).instances.first
                    #expect(found?.tags == ["a"] && found?.metadata == ["team": "shop"])

                    let instance = try ServiceInstance.sample(tags: ["blue"], metadata: ["zone": "x"])
                    let lease = try await backend.register(instance, ttl: .seconds(60))
                    let listed = try await self.python(consul, "service", ["name": "web", "passing": true])
                    let services = try #require(listed as? [[String: Any]])
                    #expect(services.compactMap { $0["id"] as? String }.sorted() == ["py-1", "web--one"])
                    let mine = try #require(services.first { $0["id"] as? String == "web--one" })
                    #expect(mine["address"] as? String == "10.0.0.7" && mine["port"] as? Int == 8080)
                    #expect(mine["tags"] as? [String] == ["blue"] && mine["statuses"] as? [String] == ["passing"])
                    let meta = try #require(mine["meta"] as? [String: String])
                    #expect(meta["zone"] == "x" && meta["version"] == "1.2.3")

                    _ = try await self.python(consul, "deregister", ["id": "py-1"])
                    try await eventually { seen.value.last == ["one passing http://10.0.0.7:8080"] }
                    // What another program takes out is gone, and its holder learns of it.
                    _ = try await self.python(consul, "deregister", ["id": "web--one"])
                    try await eventually { seen.value.last == [] }
                    let error = await #expect(throws: BackendError.self) { try await lease.renew() }
                    #expect(error?.code == .leaseLost)
                }
            }
        }
    }

    @Test("keys of both are read by both, in open watches, too", arguments: ServerProgram.consul)
    func keys(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let key = try ConfigKey("shop/limits")
            let stored = "rollcall/default/config/shop/limits"
            let texts = MutexBox<[String?]>([])
            try await alongside {
                _ = try? await backend.watch(key) { state in
                    if case .present(let entry) = state {
                        texts.change { $0.append(entry.content.text) }
                    } else {
                        texts.change { $0.append(nil) }
                    }
                }
            } _: {
                try await eventually { texts.value == [nil] }
                #expect(try await self.python(consul, "put", ["key": stored, "value": "limit: 1"]) as? Bool == true)
                try await eventually { texts.value.last == "limit: 1" }
                let entry = try #require(try await backend.entry(for: key))
                _ = try await backend.write(
                    ConfigDraft(ConfigContent("limit: 2"), name: "Limits"),
                    to: key,
                    expecting: .revision(entry.revision)
                )
                let read = try await self.python(consul, "get", ["key": stored]) as? [String: Any]
                let lines = (read?["value"] as? String)?.split(separator: "\n").map(String.init)
                #expect(lines?.last == "limit: 2" && lines?.first?.contains(#""name":"Limits""#) == true)
                _ = try await self.python(consul, "delete", ["key": stored])
                try await eventually { texts.value.suffix(2) == ["limit: 2", nil] }
                #expect(try await backend.entry(for: key) == nil)
            }
        }
    }

    @Test("a lock that one holds is one to the other", arguments: ServerProgram.consul)
    func locks(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let name = try LockName("nightly")
            let key = "rollcall/default/locks/nightly"
            let lease = try await backend.acquire(name, ttl: .seconds(30))
            let seen = try #require(try await self.python(consul, "get", ["key": key]) as? [String: Any])
            #expect(seen["session"] is String && seen["flags"] as? UInt64 == ConsulBackend.lockFlags)
            let refused = try #require(try await self.python(consul, "lock", ["key": key]) as? [String: Any])
            #expect(refused["held"] as? Bool == false)
            try await lease.release()
            let held = try #require(try await self.python(consul, "lock", ["key": key]) as? [String: Any])
            #expect(held["held"] as? Bool == true)
            #expect(try await backend.holder(of: name) != nil)
            let token = MutexBox<UInt64?>(nil)
            try await alongside {
                let lease = try? await backend.acquire(name, ttl: .seconds(30))
                token.change { $0 = lease?.token }
            } _: {
                // It waits as long as the other one has it.
                try await ContinuousClock().sleep(for: .milliseconds(500))
                #expect(token.value == nil)
                let session = try #require(held["session"] as? String)
                _ = try await self.python(consul, "unlock", ["key": key, "session": session])
                try await eventually { token.value != nil }
                #expect(try #require(token.value) > lease.token)
            }
        }
    }
}
