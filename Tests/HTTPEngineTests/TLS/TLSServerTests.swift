import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@Suite("TLS: real servers", .timeLimit(.minutes(3)))
struct TLSServerTests {
    private let certificates: TestCertificates

    init() throws {
        self.certificates = try TestCertificates()
    }

    private func send(
        _ method: String,
        _ target: String,
        _ body: [UInt8] = [],
        to port: Int,
        _ tls: TLSConfiguration
    ) async throws -> (status: Int, body: [UInt8]) {
        let origin = Origin(host: "localhost", port: port, tls: tls)
        let response = try await HTTPClient(connectTimeout: .seconds(30))
            .send(.init(method, target, at: origin, body: body), within: .seconds(30))
        return (response.status, response.body)
    }

    private func expectRefusal(_ port: Int, _ target: String, _ tls: TLSConfiguration, _ text: String) async {
        let error = await #expect(throws: ConnectionError.self) { try await self.send("GET", target, to: port, tls) }
        #expect(error?.kind == .untrusted)
        #expect(error?.message.contains(text) == true, "\(String(describing: error))")
    }

    /// What each server does with clients that trust it, or do not, or are not trusted.
    private func check(_ port: Int, _ target: String, isMutual: Bool) async throws {
        var tls = TLSConfiguration(caFile: self.certificates.ca)
        await self.expectRefusal(port, target, .init(caFile: self.certificates.otherCA), "from no authority in")
        await self.expectRefusal(port, target, .init(caFile: tls.caFile, serverName: "elsewhere.test"), "is not for")
        if isMutual {
            await self.expectRefusal(port, target, tls, "wants a client certificate")
            tls.clientCertificate = self.certificates.stranger
            await self.expectRefusal(port, target, tls, "refuses the client certificate")
            tls.clientCertificate = self.certificates.client
        }
        #expect(try await self.send("GET", target, to: port, tls).status == 200)
    }

    @Test(
        "Consul, server-only and mutual",
        .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul))),
        arguments: ServerProgram.consul,
        [false, true]
    )
    func consul(_ program: ServerProgram, isMutual: Bool) async throws {
        let server = isMutual ? self.certificates.mutual : self.certificates.server
        try await ConsulServer.withServer(program, .init(tls: server)) { server in
            try await self.check(server.httpsPort, "/v1/status/leader", isMutual: isMutual)
            let client = self.certificates.client
            let tls = TLSConfiguration(caFile: self.certificates.ca, clientCertificate: client)
            let value = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            #expect(try await self.send("PUT", "/v1/kv/large", value, to: server.httpsPort, tls).status == 200)
            #expect(try await self.send("GET", "/v1/kv/large?raw", to: server.httpsPort, tls).body == value)
        }
    }

    @Test(
        "etcd, server-only and mutual",
        .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
        arguments: ServerProgram.etcd,
        [false, true]
    )
    func etcd(_ program: ServerProgram, isMutual: Bool) async throws {
        let server = isMutual ? self.certificates.mutual : self.certificates.server
        try await EtcdServer.withServer(program, .init(tls: server)) { server in
            try await self.check(server.clientPort, "/version", isMutual: isMutual)
        }
    }

    @Test(
        "etcd whose certificate has expired is refused",
        .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
        arguments: ServerProgram.etcd
    )
    func expired(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, .init(tls: self.certificates.expired)) { server in
            let tls = TLSConfiguration(caFile: self.certificates.ca)
            await self.expectRefusal(server.clientPort, "/version", tls, "has expired")
        }
    }
}
