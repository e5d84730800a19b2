import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The checks of `rollcall doctor`.
struct Examination: Sendable {
    let context: CommandContext

    /// The variables that mean something to Rollcall.
    static let variables = [
        "ROLLCALL_BACKEND", "ROLLCALL_NAMESPACE", "ROLLCALL_TTL", "ROLLCALL_DRAIN", "ROLLCALL_LOOKUP_TIMEOUT",
        "ROLLCALL_IDLE_TIMEOUT", "ROLLCALL_BALANCER", "ROLLCALL_TOKEN", "ROLLCALL_FENCING_TOKEN", "ROLLCALL_SWIFT_ROOT",
    ]

    private static let defaultPort: UInt16 = 20000

    /// Makes all checks, one after the other.
    func findings() async -> [Finding] {
        let (url, client) = self.backend()
        var findings = self.environment() + [url]
        if let client { findings.append(await self.reachability(client)) }
        findings.append(await self.port())
        return findings + [Self.descriptors(), Self.clock(Date())]
    }

    private func environment() -> [Finding] {
        let environment = self.context.surroundings.environment
        var findings: [Finding] = []
        do throws(ValidationError) {
            _ = try RollcallConfiguration(environment: environment)
            let count = environment.keys.count { $0.hasPrefix("ROLLCALL_") }
            findings.append(Finding("environment", .ok, "\(count) ROLLCALL_ variables are set"))
        } catch {
            findings.append(
                Finding("environment", .fail, error.description, advice: "correct \(error.field), or unset it")
            )
        }
        let strange = environment.keys.filter { $0.hasPrefix("ROLLCALL_") && !Self.variables.contains($0) }
        return findings
            + strange.sorted().map { name in
                let near = NearestName.find(name, among: Self.variables)
                let advice = near.map { "\($0), if that is what you meant" } ?? "unset it"
                return Finding("environment", .warn, "\(name) means nothing to Rollcall", advice: advice)
            }
    }

    private func backend() -> (Finding, RollcallClient?) {
        let shown = self.context.shownBackendURL
        do {
            let client = try RollcallClient(
                try self.configurationForBackend(),
                backends: try self.context.backends()
            )
            return (Finding("backend URL", .ok, shown), client)
        } catch {
            let problem = Problem(error, backend: shown)
            return (Finding("backend URL", .fail, problem.what, advice: problem.advice.first), nil)
        }
    }

    /// What the options and the environment say, without what the environment's own check finds wrong.
    private func configurationForBackend() throws -> RollcallConfiguration {
        if let configuration = try? self.context.configuration() { return configuration }
        return RollcallConfiguration(backend: self.context.backendURL)
    }

    /// Samples a backend that has its connections only while it runs.
    private static func health(of registry: any RegistryBackend) async -> BackendHealth {
        await withTaskGroup(of: BackendHealth?.self) { group in
            group.addTask {
                try? await registry.run()
                return nil
            }
            group.addTask { await registry.health() }
            defer { group.cancelAll() }
            while let end = await group.next() {
                if let end { return end }
            }
            return BackendHealth(unreachable: BackendError(.unavailable, "the backend ended"))
        }
    }

    private func reachability(_ client: RollcallClient) async -> Finding {
        let health: BackendHealth
        do {
            let limit = try self.context.arguments.duration("timeout") ?? .seconds(5)
            health = try await withDeadline(limit, clock: self.context.clock) { () async throws(BackendError) in
                await Self.health(of: client.registry)
            }
        } catch {
            let problem = Problem(error, backend: "")
            return Finding("registry", .fail, "no answer: \(problem.what)", advice: Self.startAdvice)
        }
        guard health.isReachable else {
            let reason = health.message ?? health.error?.description ?? "no answer"
            return Finding("registry", .fail, "not reachable: \(reason)", advice: Self.startAdvice)
        }
        guard health.canRead, health.canWrite else {
            let missing = health.canRead ? "cannot be written" : "cannot be read"
            let reason = health.message.map { ": \($0)" } ?? ""
            let advice =
                "is the token right (--token-file, ROLLCALL_TOKEN), has the registry a leader, and its disk space?"
            return Finding("registry", .fail, missing + reason, advice: advice)
        }
        let latency = health.latency ?? .zero
        let detail = "answers within \(latency.inMilliseconds)"
        guard latency < .milliseconds(250) else {
            return Finding("registry", .warn, detail, advice: "use a registry that is nearer; 250 ms is slow")
        }
        return Finding("registry", .ok, detail)
    }

    private static let startAdvice =
        "start it ('rollcall serve' is the one of Rollcall's own), or name another with --backend or ROLLCALL_BACKEND"

    private func port() async -> Finding {
        let answers = await self.context.program.services.answersAt("127.0.0.1", Self.defaultPort)
        if answers { return Finding("default port", .ok, "something answers at 127.0.0.1:\(Self.defaultPort)") }
        let detail = "nothing answers at 127.0.0.1:\(Self.defaultPort)"
        // Whoever uses another registry needs nothing there.
        guard self.context.backendURL == CommonOptions.defaultBackend else {
            return Finding("default port", .ok, "\(detail), and nothing needs to")
        }
        return Finding("default port", .warn, detail, advice: "'rollcall serve' starts a registry there")
    }

    private static func descriptors() -> Finding {
        var limit = rlimit()
        #if canImport(Glibc)
        let status = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
        let status = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        guard status == 0 else {
            return Finding("file descriptors", .warn, "the system does not tell the limit")
        }
        let count = UInt64(limit.rlim_cur)
        let detail = count >= UInt64(Int64.max) ? "no limit" : "up to \(count)"
        guard count < 1024 else { return Finding("file descriptors", .ok, detail) }
        let advice = "'ulimit -n 4096' before the program; each watch and each connection needs one"
        return Finding("file descriptors", count < 64 ? .fail : .warn, detail, advice: advice)
    }

    /// Judges the system's clock, which only the times of registrations depend on.
    static func clock(_ now: Date) -> Finding {
        let text = now.formatted(Date.ISO8601FormatStyle())
        // 2025 and 2100: a clock outside was never set.
        guard (1_735_689_600..<4_102_444_800).contains(now.timeIntervalSince1970) else {
            return Finding("clock", .warn, "it is \(text) here", advice: "set the clock; an NTP service keeps it right")
        }
        return Finding("clock", .ok, "it is \(text) here; expiry does not depend on it")
    }
}
