import Foundation
import Rollcall
import RollcallTesting
import Testing

@Suite(
    "An etcd that tests start",
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdServerTests {
    @Test("it answers, stands still while it is paused, and keeps what it is to keep", arguments: ServerProgram.etcd)
    func lifecycle(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            let call = TestCall(port: server.clientPort)
            #expect(try await call.send("/version").contains("\"etcdserver\":\"\(program.version)\""))
            let port = server.clientPort
            _ = try await call.put("a", "1")
            #expect(try await call.get("a") == "1")

            server.pause()
            await #expect(throws: (any Error).self) { try await call.send("/version", within: .milliseconds(300)) }
            server.resume()
            #expect(try await call.get("a") == "1")

            try await server.restart(keepingData: true)
            #expect(server.clientPort == port)
            #expect(try await call.get("a") == "1")

            try await server.restart(keepingData: false)
            #expect(try await call.get("a") == nil)

            await server.stop()
            #expect(server.members.allSatisfy { !$0.isRunning && $0.id == nil })
            try await server.start()
            #expect(try await call.get("a") == nil)
        }
    }

    @Test("three members are one cluster that loses one", arguments: ServerProgram.etcd)
    func cluster(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, .init(memberCount: 3)) { server in
            let ports = server.clientPorts
            #expect(Set(ports).count == 3)
            _ = try await TestCall(port: ports[0]).put("a", "1")
            #expect(try await TestCall(port: ports[2]).get("a") == "1")
            server.members[0].kill()
            // The others may have to elect a leader first.
            try await eventually { (try? await TestCall(port: ports[1]).put("a", "2")) != nil }
            try await server.members[0].restart(keepingData: true)
            try await eventually { (try? await TestCall(port: ports[0]).get("a")) == "2" }
        }
    }

    @Test("with a password it asks for one, also after a restart without data", arguments: ServerProgram.etcd)
    func password(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, .init(rootPassword: "geheim")) { server in
            let call = TestCall(port: server.clientPort)
            await #expect(throws: (any Error).self) { try await call.put("a", "1") }
            let answer = try await call.send("/v3/auth/authenticate", #"{"name":"root","password":"geheim"}"#)
            #expect(answer.contains("\"token\""))
            try await server.restart(keepingData: false)
            await #expect(throws: (any Error).self) { try await call.put("a", "1") }
        }
    }

    @Test("what it says is shown when it does not start", arguments: ServerProgram.etcd)
    func failure(_ program: ServerProgram) async throws {
        let server = try EtcdServer(program, .init(arguments: ["--no-such-flag"]))
        let error = await #expect(throws: BackendError.self) { try await server.start() }
        #expect(error?.message.contains("no-such-flag") == true)
        let folder = server.members[0].place.folder
        #expect(FileManager.default.fileExists(atPath: folder))
    }
}
