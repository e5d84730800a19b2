import HTTPEngine
import Rollcall
import Synchronization

/// One instance as the gateway sees it, shared by all loops.
final class Upstream: Sendable {
    /// What makes two registrations the same instance.
    struct Key: Hashable {
        /// The instance's id.
        let id: InstanceID
        /// Its `http` endpoint.
        let endpoint: Endpoint

        /// The key of an instance, or `nil` for one that has no endpoint that the gateway can talk to.
        init?(_ instance: ServiceInstance) {
            guard let endpoint = instance.endpoint(scheme: "http"),
                endpoint.path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#".utf8.contains($0) })
            else { return nil }
            self.id = instance.id
            self.endpoint = endpoint
        }
    }

    /// The shortest time that an instance is left out; each time in a row doubles it.
    private static let shortestEjection = Duration.seconds(1)
    private static let longestEjection = Duration.seconds(60)

    /// The instance's id.
    let id: InstanceID
    /// Where it listens.
    let origin: Origin
    /// The line `Host` of requests to it.
    let hostLine: [UInt8]
    /// What its paths begin with, without `/` at the end.
    let prefix: [UInt8]
    private let threshold: Int
    private let failures = Atomic<Int>(0)
    private let ejections = Atomic<Int>(0)
    /// In milliseconds of the loops' clock; 0 when it is not left out.
    private let ejectedUntil = Atomic<Int>(0)

    /// Creates what is known of an instance that was not tried yet.
    init(_ key: Key, threshold: Int) {
        self.id = key.id
        self.origin = Origin(host: key.endpoint.host, port: key.endpoint.port)
        self.hostLine = Array("Host: \(self.origin)\r\n".utf8)
        var prefix = Array(key.endpoint.path.utf8)
        while prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
        self.prefix = prefix
        self.threshold = max(1, threshold)
    }

    /// Whether it is left out because it could not be reached.
    func isEjected(at now: TimeSource.Instant) -> Bool {
        let until = self.ejectedUntil.load(ordering: .relaxed)
        return until != 0 && Self.milliseconds(now.elapsed) < until
    }

    /// Notes that it answered.
    func noteSuccess() {
        // Stores are left out when they change nothing: loops share the line unwritten.
        guard self.failures.load(ordering: .relaxed) != 0 else { return }
        self.failures.store(0, ordering: .relaxed)
        self.ejections.store(0, ordering: .relaxed)
        self.ejectedUntil.store(0, ordering: .relaxed)
    }

    /// Notes that it could not be reached.
    ///
    /// - Returns: For how long it is left out from now on, if it is.
    func noteFailure(at now: TimeSource.Instant) -> Duration? {
        let count = self.failures.wrappingAdd(1, ordering: .relaxed).newValue
        guard count >= self.threshold, !self.isEjected(at: now) else { return nil }
        let ejections = self.ejections.wrappingAdd(1, ordering: .relaxed).oldValue
        let duration = min(Self.shortestEjection * (1 << min(ejections, 10)), Self.longestEjection)
        self.ejectedUntil.store(Self.milliseconds(now.elapsed + duration), ordering: .relaxed)
        return duration
    }

    private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }
}
