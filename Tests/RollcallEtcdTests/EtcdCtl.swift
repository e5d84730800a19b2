import Foundation
import Rollcall
import RollcallTesting

/// etcd's own client, as people and scripts use it.
struct EtcdCtl: Sendable {
    /// How it is reached and who it is, as arguments.
    let command: [String]

    /// Why tests with it do not run; `nil` when they do.
    static let skipReason = [ServerProgram.Kind.etcd, .etcdctl].first { ServerProgram.all($0).isEmpty }
        .map { ServerProgram.skipReason($0) }

    struct Failure: Error {
        let run: ProgramRun
    }

    /// Names a server.
    init(port: Int, arguments: [String] = []) throws {
        guard let program = ServerProgram.etcdctl.last else {
            throw BackendError(.unavailable, ServerProgram.skipReason(.etcdctl))
        }
        self.command = [program.path, "--endpoints=127.0.0.1:\(port)"] + arguments
    }

    /// Runs a command to its end, which must be a success.
    @discardableResult
    func run(_ arguments: String...) async throws -> String { try await self.run(arguments) }

    /// Runs a command to its end, which must be a success.
    @discardableResult
    func run(_ arguments: [String]) async throws -> String {
        let run = try await ProgramRun.of(self.command + arguments)
        guard run.status == 0 else { throw Failure(run: run) }
        return run.output
    }

    /// What stands under a key; `nil` for nothing.
    func value(of key: String) async throws -> String? {
        let text = try await self.run("get", "--print-value-only", key)
        return text.isEmpty ? nil : String(text.dropLast())
    }

    /// The keys that begin with a text.
    func keys(under prefix: String) async throws -> [String] {
        try await self.run("get", "--prefix", "--keys-only", prefix).split(separator: "\n").map(String.init)
    }

    /// Makes a lease, and returns it as etcdctl writes it.
    func grantLease(seconds: Int) async throws -> String {
        // lease 694d77aa9e38260f granted with TTL(10s)
        let words = try await self.run("lease", "grant", "\(seconds)").split(separator: " ")
        guard words.count > 1 else { throw BackendError(.protocolViolation, "etcdctl granted nothing") }
        return String(words[1])
    }

    /// The lease of a key, as etcdctl writes leases.
    func lease(of key: String) async throws -> String? {
        struct Answer: Decodable {
            struct Pair: Decodable { let lease: Int64? }
            let kvs: [Pair]?
        }
        let text = try await self.run("get", "--write-out=json", key)
        let lease = try JSONDecoder().decode(Answer.self, from: Data(text.utf8)).kvs?.first?.lease
        return lease.map { String(UInt64(bitPattern: $0), radix: 16) }
    }

    /// Starts a command that lasts, and ends with the value.
    func start(_ arguments: String...) async throws -> ServerProcess {
        let whole = self.command + arguments
        let launch = ServerProcess.Launch(command: { _ in whole }, isReady: { _ in true })
        let process = try ServerProcess("etcdctl", portCount: 0, launch: launch)
        try await process.start()
        return process
    }
}
