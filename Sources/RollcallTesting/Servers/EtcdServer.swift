package import Rollcall

/// An etcd for tests: one member, or a cluster of several.
///
/// Reach a member at ``clientPorts``; with TLS only by TLS, for 127.0.0.1 and `localhost` if the certificate says so.
package final class EtcdServer: Sendable {
    /// What is asked of it.
    package struct Configuration: Sendable {
        /// The number of members.
        package var memberCount: Int
        /// How clients reach it by TLS; `nil` for plain connections.
        package var tls: ServerTLS?
        /// The password of the user `root`; `nil` when nobody need log in, as must be with `tls`.
        package var rootPassword: String?
        /// Arguments that come last, and win.
        package var arguments: [String]

        /// Says what is asked.
        package init(
            memberCount: Int = 1,
            tls: ServerTLS? = nil,
            rootPassword: String? = nil,
            arguments: [String] = []
        ) {
            self.memberCount = memberCount
            self.tls = tls
            self.rootPassword = rootPassword
            self.arguments = arguments
        }
    }

    /// The members, to kill or pause one.
    ///
    /// One of several cannot be restarted without its data.
    package let members: [ServerProcess]
    private let configuration: Configuration
    /// Where members reach each other.
    private let peers: MutexBox<[Int]>

    /// Takes folders and ports; ``start()`` starts it.
    ///
    /// - Parameters:
    ///   - program: Which etcd.
    ///   - configuration: What is asked of it.
    /// - Throws: `unavailable` when the system gives no port or no folder.
    package init(_ program: ServerProgram, _ configuration: Configuration = Configuration()) throws(BackendError) {
        self.configuration = configuration
        // Members name each other's ports, which are known only once all have theirs.
        let peers = MutexBox<[Int]>([])
        self.peers = peers
        var members: [ServerProcess] = []
        for number in 0..<configuration.memberCount {
            let launch = ServerProcess.Launch { place in
                Self.command(program, configuration, number: number, at: place, peers: peers.value)
            } isReady: { place in
                // The port of metrics needs neither TLS nor a log-in.
                let answer = await ServerCall(port: place.ports[2]).send("GET", "/health")
                return answer?.status == 200 && answer?.body.contains("true") == true
            }
            members.append(try ServerProcess("\(program) member \(number)", portCount: 3, launch: launch))
        }
        peers.change { $0 = members.map { $0.place.ports[1] } }
        self.members = members
    }

    /// Runs one for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - program: Which etcd.
    ///   - configuration: What is asked of it.
    ///   - body: What uses it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and `unavailable` with what the server said last when it does not start.
    package static func withServer<Value>(
        _ program: ServerProgram,
        _ configuration: Configuration = Configuration(),
        _ body: (EtcdServer) async throws -> Value
    ) async throws -> Value {
        let server = try EtcdServer(program, configuration)
        defer { server.kill() }
        try await server.start()
        return try await body(server)
    }

    /// The ports for clients, of one member after the other.
    package var clientPorts: [Int] { self.members.map { $0.place.ports[0] } }

    /// The first member's port for clients.
    package var clientPort: Int { self.clientPorts.first ?? 0 }

    /// Has members reach each other over other ports, such as those of proxies.
    ///
    /// - Parameter ports: One for each member, before ``start()``.
    package func advertise(peerPorts ports: [Int]) {
        self.peers.change { $0 = ports }
    }

    /// Starts all members and waits until each answers.
    ///
    /// - Throws: `unavailable` with what a member said last when it does not become ready.
    package func start() async throws(BackendError) {
        try await self.startMembers()
        if let password = self.configuration.rootPassword { try await self.enableLogin(password) }
    }

    /// Kills all members by SIGKILL.
    package func kill() {
        for member in self.members { member.kill() }
    }

    /// Stops all members by SIGTERM.
    package func stop() async {
        for member in self.members { await member.stop() }
    }

    /// Makes all members stand still.
    package func pause() {
        for member in self.members { member.pause() }
    }

    /// Lets all members go on.
    package func resume() {
        for member in self.members { member.resume() }
    }

    /// Kills all members and starts them again on the same ports.
    ///
    /// - Parameter keepsData: Whether they find what they kept; else it is a new, empty cluster.
    /// - Throws: What ``start()`` throws.
    package func restart(keepingData keepsData: Bool) async throws(BackendError) {
        self.kill()
        if keepsData { return try await self.startMembers() }
        for member in self.members { member.removeData() }
        try await self.start()
    }

    /// A figure of the first member.
    ///
    /// - Parameter series: Its name, with all labels that it has.
    /// - Returns: The figure.
    /// - Throws: `unavailable` when the server does not tell it.
    package func metric(_ series: String) async throws(BackendError) -> Double {
        let answer = await ServerCall(port: self.members[0].place.ports[2]).send("GET", "/metrics")
        let line = answer?.body.split(separator: "\n").first { $0.hasPrefix("\(series) ") }
        guard let figure = line.flatMap({ Double($0.dropFirst(series.count + 1)) }) else {
            throw BackendError(.unavailable, "the server tells no \(series)")
        }
        return figure
    }

    private func startMembers() async throws(BackendError) {
        // All at once, as none is ready before most are there.
        let failure = await withTaskGroup(of: BackendError?.self) { group in
            for member in self.members {
                group.addTask {
                    do throws(BackendError) {
                        try await member.start()
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(into: BackendError?.none) { $0 = $0 ?? $1 }
        }
        if let failure { throw failure }
    }

    private func enableLogin(_ password: String) async throws(BackendError) {
        let call = ServerCall(port: self.clientPort)
        for (target, body) in [
            ("user/add", #"{"name":"root","password":"\#(password)"}"#),
            ("role/add", #"{"name":"root"}"#),
            ("user/grant", #"{"user":"root","role":"root"}"#),
            ("enable", "{}"),
        ] {
            let answer = await call.send("POST", "/v3/auth/\(target)", body)
            guard answer?.status == 200 else {
                throw BackendError(.unavailable, "etcd's log-in cannot be turned on: \(target): \(answer?.body ?? "")")
            }
        }
    }
}

extension EtcdServer {
    private static func command(
        _ program: ServerProgram,
        _ configuration: Configuration,
        number: Int,
        at place: ServerProcess.Place,
        peers: [Int]
    ) -> [String] {
        let client = "\(configuration.tls == nil ? "http" : "https")://127.0.0.1:\(place.ports[0])"
        let cluster = peers.enumerated().map { "member\($0.offset)=http://127.0.0.1:\($0.element)" }
        // A member alone need not fear elections on a busy machine, and shorter ones allow shorter leases.
        let election = peers.count == 1 ? ["--heartbeat-interval=50", "--election-timeout=500"] : []
        return [
            program.path, "--name=member\(number)", "--data-dir=\(place.data)",
            "--listen-client-urls=\(client)", "--advertise-client-urls=\(client)",
            "--listen-peer-urls=http://127.0.0.1:\(place.ports[1])",
            "--initial-advertise-peer-urls=http://127.0.0.1:\(peers[number])",
            "--listen-metrics-urls=http://127.0.0.1:\(place.ports[2])",
            "--initial-cluster=\(cluster.joined(separator: ","))",
        ] + election + Self.arguments(for: configuration.tls) + configuration.arguments
    }

    private static func arguments(for tls: ServerTLS?) -> [String] {
        guard let tls else { return [] }
        let server = ["--cert-file=\(tls.certificateFile)", "--key-file=\(tls.keyFile)"]
        guard let authority = tls.clientAuthorityFile else { return server }
        return server + ["--client-cert-auth", "--trusted-ca-file=\(authority)"]
    }
}
