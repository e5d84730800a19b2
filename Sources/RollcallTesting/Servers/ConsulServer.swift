package import Rollcall

/// A Consul server for tests: one agent that is all of its cluster and keeps its state on the disk.
package final class ConsulServer: Sendable {
    /// What is asked of it.
    package struct Configuration: Sendable {
        /// How clients reach it at ``ConsulServer/httpsPort``, beside plain HTTP; `nil` when they do not.
        package var tls: ServerTLS?
        /// The token that may do everything, a UUID; `nil` when everybody may.
        package var managementToken: String?
        /// Settings in Consul's own language, such as `session_ttl_min = "1s"`.
        package var settings: [String]

        /// Says what is asked.
        package init(tls: ServerTLS? = nil, managementToken: String? = nil, settings: [String] = []) {
            self.tls = tls
            self.managementToken = managementToken
            self.settings = settings
        }
    }

    /// The process, to kill, pause or restart it.
    package let process: ServerProcess

    /// Takes a folder and ports; ``ServerProcess/start()`` of ``process`` starts it.
    ///
    /// - Parameters:
    ///   - program: Which Consul.
    ///   - configuration: What is asked of it.
    /// - Throws: `unavailable` when the system gives no port or no folder.
    package init(_ program: ServerProgram, _ configuration: Configuration = Configuration()) throws(BackendError) {
        let launch = ServerProcess.Launch { place in
            Self.command(program, configuration, at: place)
        } isReady: { place in
            await Self.isReady(at: place, token: configuration.managementToken)
        }
        self.process = try ServerProcess("\(program)", portCount: 4, launch: launch)
    }

    /// Runs one for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - program: Which Consul.
    ///   - configuration: What is asked of it.
    ///   - body: What uses it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and `unavailable` with what the server said last when it does not start.
    package static func withServer<Value>(
        _ program: ServerProgram,
        _ configuration: Configuration = Configuration(),
        _ body: (ConsulServer) async throws -> Value
    ) async throws -> Value {
        let server = try ConsulServer(program, configuration)
        defer { server.process.kill() }
        try await server.process.start()
        return try await body(server)
    }

    /// The port of its HTTP API on 127.0.0.1.
    package var httpPort: Int { self.process.place.ports[0] }

    /// How many calls a handler of the agent is at, as its setting `enable_debug` has it tell.
    ///
    /// - Parameter handler: The handler's name in Consul's code, such as `HealthServiceNodes`.
    /// - Returns: The number.
    /// - Throws: `unavailable` when it does not tell.
    package func callCount(_ handler: String) async throws(BackendError) -> Int {
        let answer = await ServerCall(port: self.httpPort).send("GET", "/debug/pprof/goroutine?debug=1")
        guard let answer, answer.status == 200 else {
            throw BackendError(.unavailable, "the agent does not tell what it is at: \(answer?.body ?? "no answer")")
        }
        // Behind the head, each group of alike begins with its size and has its stack below.
        var count = 0
        var size = 0
        for line in answer.body.split(separator: "\n").dropFirst() {
            if let number = Int(line.prefix { $0.isNumber }) { size = number }
            if line.contains("(*HTTPHandlers).\(handler)+") { count += size }
        }
        return count
    }

    /// The port of its HTTP API by TLS on 127.0.0.1, when that was asked for.
    package var httpsPort: Int { self.process.place.ports[3] }

    private static func command(
        _ program: ServerProgram,
        _ configuration: Configuration,
        at place: ServerProcess.Place
    ) -> [String] {
        var command = [
            program.path, "agent", "-server", "-bootstrap", "-node=test", "-data-dir=\(place.data)",
            "-bind=127.0.0.1", "-client=127.0.0.1", "-http-port=\(place.ports[0])",
            "-server-port=\(place.ports[1])", "-serf-lan-port=\(place.ports[2])", "-serf-wan-port=-1",
            "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1", "-log-level=info",
        ]
        var settings = [
            // The quickest elections that Consul allows, and none of the delays that spare larger clusters.
            "performance { raft_multiplier = 1 leave_drain_time = \"0s\" rpc_hold_timeout = \"1s\" }",
            "disable_update_check = true", "connect { enabled = false }",
        ]
        if let tls = configuration.tls {
            command.append("-https-port=\(place.ports[3])")
            settings.append(Self.setting(of: tls))
        }
        if let token = configuration.managementToken {
            let tokens = "tokens { initial_management = \"\(token)\" agent = \"\(token)\" }"
            settings.append("acl { enabled = true default_policy = \"deny\" \(tokens) }")
        }
        return command + (settings + configuration.settings).flatMap { ["-hcl", $0] }
    }

    private static func setting(of tls: ServerTLS) -> String {
        var files = "cert_file = \"\(tls.certificateFile)\" key_file = \"\(tls.keyFile)\""
        if let authority = tls.clientAuthorityFile { files += " ca_file = \"\(authority)\" verify_incoming = true" }
        return "tls { https { \(files) } }"
    }

    /// Whether it has a leader who lists the server itself, so that reading and writing work.
    private static func isReady(at place: ServerProcess.Place, token: String?) async -> Bool {
        let answer = await ServerCall(port: place.ports[0], consulToken: token)
            .send("GET", "/v1/health/service/consul?passing")
        return answer?.status == 200 && answer?.body.contains("\"Service\":\"consul\"") == true
    }
}
