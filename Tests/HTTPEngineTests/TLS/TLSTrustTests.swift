import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

@Suite("TLS: who is trusted", .timeLimit(.minutes(1)))
struct TLSTrustTests {
    private let certificates: TestCertificates

    init() throws {
        self.certificates = try TestCertificates()
    }

    private func server(_ tls: ServerTLS) throws -> TLSTestServer {
        try TLSTestServer(.init(tls: tls), echo)
    }

    /// What a request comes to.
    private func attempt(_ origin: Origin) async -> Result<String, ConnectionError> {
        do throws(ConnectionError) {
            guard let client = try? HTTPClient(connectTimeout: .seconds(30)) else {
                throw ConnectionError(.refused, "no client")
            }
            let request = HTTPClient.Request("PUT", "/", at: origin, body: Array("hello".utf8))
            return .success(String(decoding: try await client.send(request, within: .seconds(30)).body, as: UTF8.self))
        } catch {
            return .failure(error)
        }
    }

    private func expect(
        _ kind: ConnectionError.Kind,
        _ text: String,
        _ origin: Origin,
        location: SourceLocation = #_sourceLocation
    ) async {
        let result = await self.attempt(origin)
        guard case .failure(let error) = result else {
            Issue.record("it was trusted: \(result)", sourceLocation: location)
            return
        }
        #expect(error.kind == kind, "\(error)", sourceLocation: location)
        #expect(error.message.contains(text), "\(error)", sourceLocation: location)
        #expect(!error.message.contains("PRIVATE"), sourceLocation: location)
    }

    @Test("a server of a trusted authority answers, by address and by name")
    func trusted() async throws {
        let server = try self.server(self.certificates.server)
        let tls = TLSConfiguration(caFile: self.certificates.ca)
        #expect(try await self.attempt(server.origin(tls)).get() == "hello")
        #expect(try await self.attempt(Origin(host: "localhost", port: server.port, tls: tls)).get() == "hello")
        let dotted = TLSConfiguration(caFile: self.certificates.ca, serverName: "localhost.")
        #expect(try await self.attempt(server.origin(dotted)).get() == "hello")
    }

    @Test("a server of another authority is not trusted, nor by what the system trusts")
    func wrongAuthority() async throws {
        let server = try self.server(self.certificates.server)
        let other = TLSConfiguration(caFile: self.certificates.otherCA)
        await self.expect(.untrusted, "comes from no authority in \(self.certificates.otherCA)", server.origin(other))
        await self.expect(
            .untrusted,
            "comes from no authority that the system trusts",
            server.origin(TLSConfiguration())
        )
        #expect(server.handshakes.value == 0)
    }

    @Test("a server of another name is not trusted, unless that is the name it is to have")
    func wrongName() async throws {
        let server = try self.server(self.certificates.elsewhere)
        var tls = TLSConfiguration(caFile: self.certificates.ca)
        await self.expect(.untrusted, "is not for \"127.0.0.1\"", server.origin(tls))
        let named = Origin(host: "localhost", port: server.port, tls: tls)
        await self.expect(.untrusted, "is not for \"localhost\"", named)
        tls.serverName = "elsewhere.test"
        #expect(try await self.attempt(server.origin(tls)).get() == "hello")
    }

    @Test("a server whose certificate has expired is not trusted")
    func expired() async throws {
        let server = try self.server(self.certificates.expired)
        let tls = TLSConfiguration(caFile: self.certificates.ca)
        await self.expect(.untrusted, "the server's certificate has expired", server.origin(tls))
    }

    @Test("a server that wants a client certificate gets one", arguments: [(2, 0x0303), (3, 0x0304)] as [(Int, Int32)])
    func mutual(minor: Int, version: Int32) async throws {
        let server = try TLSTestServer(.init(tls: self.certificates.mutual, newest: version), echo)
        var tls = TLSConfiguration(caFile: self.certificates.ca, clientCertificate: self.certificates.client)
        #expect(try await self.attempt(server.origin(tls)).get() == "hello")
        tls.clientCertificate = nil
        let missing = "the server wants a client certificate, and none is configured"
        await self.expect(.untrusted, missing, server.origin(tls))
        tls.clientCertificate = self.certificates.stranger
        let refused = "refuses the client certificate of \(self.certificates.path("stranger.pem"))"
        await self.expect(.untrusted, refused, server.origin(tls))
    }

    @Test("TLS older than 1.2 is not spoken")
    func old() async throws {
        let server = try TLSTestServer(.init(tls: self.certificates.server, newest: 0x0302), echo)
        let tls = TLSConfiguration(caFile: self.certificates.ca)
        await self.expect(.malformed, "speaks no TLS 1.2 or newer", server.origin(tls))
    }

    @Test("files that are missing or wrong are named, with what is wrong, and nothing of what is in them")
    func files() async throws {
        let certificates = self.certificates
        try certificates.write("nothing", to: "empty.pem")
        let (client, ca) = (certificates.path("client.pem"), certificates.ca)
        let cases: [(TLSConfiguration, String)] = [
            (.init(caFile: "/nowhere/ca.pem"), "caFile /nowhere/ca.pem: No such file or directory"),
            (.init(caFile: certificates.path("empty.pem")), "empty.pem holds no PEM certificate"),
            (
                .init(caFile: ca, clientCertificate: .init(certificateFile: "/nowhere", keyFile: "/x")),
                "certificateFile /nowhere"
            ),
            (
                .init(caFile: ca, clientCertificate: .init(certificateFile: client, keyFile: "/nowhere")),
                "keyFile /nowhere"
            ),
            (
                .init(
                    caFile: ca,
                    clientCertificate: .init(certificateFile: client, keyFile: certificates.path("stranger.key"))
                ),
                "stranger.key is not the key of the certificate in \(client)"
            ),
            (
                .init(caFile: ca, clientCertificate: .init(certificateFile: client, keyFile: client)),
                "client.pem holds no PEM key"
            ),
            (
                .init(
                    caFile: ca,
                    clientCertificate: .init(
                        certificateFile: client,
                        keyFile: certificates.path("client-protected.key")
                    )
                ),
                "client-protected.key is protected by a passphrase"
            ),
        ]
        for (configuration, text) in cases {
            await self.expect(.untrusted, text, Origin(host: "127.0.0.1", port: 1, tls: configuration))
        }
    }

    @Test("renewed files are used from the next connection on")
    func renewed() async throws {
        let server = try self.server(self.certificates.server)
        try self.certificates.write(TestCertificates.content("other-ca.pem"), to: "trusted.pem")
        let tls = TLSConfiguration(caFile: self.certificates.path("trusted.pem"))
        await self.expect(.untrusted, "comes from no authority", server.origin(tls))
        try self.certificates.write(TestCertificates.content("ca.pem"), to: "trusted.pem")
        #expect(try await self.attempt(server.origin(tls)).get() == "hello")
    }
}
