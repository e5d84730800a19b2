import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

/// The command line on a real Consul.
@Suite(
    "The program on Consul",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct ConsulProgramTests {
    /// Runs the program with all of its drivers.
    private func run(_ arguments: String...) async -> (code: ExitCode, output: String, errors: String) {
        let (output, errors) = (Transcript(), Transcript())
        let code = await Program(services: .standard).run(
            arguments,
            in: Surroundings(
                environment: ["PATH": "/usr/bin:/bin"],
                output: output.sink(),
                errors: errors.sink(),
                input: { Array("7".utf8) },
                signals: SignalInbox(),
                exitNow: { _ in }
            )
        )
        return (code, output.text, errors.text)
    }

    @Test("a URL by TLS names a Consul like any other", arguments: ServerProgram.consul)
    func security(_ program: ServerProgram) async throws {
        let certificates = try TestCertificates()
        try await ConsulServer.withServer(program, .init(tls: certificates.mutual)) { server in
            let client = certificates.client
            let url = "consul+https://localhost:\(server.httpsPort)?ca=\(certificates.ca)"
            let own = "\(url)&cert=\(client.certificateFile)&key=\(client.keyFile)"
            let stored = await self.run("config", "put", "shop/limits", "-", "--backend", own)
            #expect(stored.code == .done, "\(stored)")
            let read = await self.run("config", "get", "shop/limits", "--backend", own)
            #expect(read.code == .done && read.output.contains("7"), "\(read)")
            let refused = await self.run("config", "get", "shop/limits", "--backend", url)
            #expect(refused.code != .done && refused.errors.contains("certificate"), "\(refused)")
        }
    }

    @Test("a layout of other programs is chosen by an option or in the URL", arguments: ServerProgram.consul)
    func layouts(_ program: ServerProgram) async throws {
        try await ConsulServer.withServer(program) { server in
            let url = "consul://127.0.0.1:\(server.httpPort)"
            let stored = await self.run(
                "config",
                "put",
                "/config/db",
                "-",
                "--layout",
                "goServiceLink",
                "--backend",
                url
            )
            #expect(stored.code == .done, "\(stored)")
            let raw = await ServerCall(port: server.httpPort).send("GET", "/v1/kv/config/db?raw")
            #expect(raw?.body.contains(#""version":1,"content":"#) == true, "\(String(describing: raw))")
            let read = await self.run("config", "get", "config/db", "--backend", "\(url)?layout=goServiceLink")
            #expect(read.output == "7", "\(read)")
            #expect(await self.run("config", "get", "config/db", "--backend", url).code == .notThere)
            let refused = await self.run("services", "--layout", "curator", "--backend", url)
            #expect(refused.code != .done && refused.errors.contains("goServiceLink"), "\(refused)")
        }
    }
}
