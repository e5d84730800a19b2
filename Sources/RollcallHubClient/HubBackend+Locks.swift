import HTTPEngine
public import Rollcall

extension HubBackend: LockBackend {
    /// How long one call waits for a lock; it is called again after that.
    private static let turn = Duration.seconds(30)

    /// See ``LockBackend/acquire(_:ttl:)``.
    ///
    /// A call whose answer is lost is sent again with the same secret, by which the hub knows what it has given.
    public func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let secret = RandomText.hexadecimal(words: 2)
        var asked: [Origin] = []
        do throws(BackendError) {
            return try await self.acquire(name, ttl: ttl, secret: secret, &asked)
        } catch {
            // The hub may have given it all the same, and nobody would renew it.
            for origin in asked where error.applied == .unknown || Task.isCancelled {
                try? await self.uncancelled { () async throws(BackendError) in
                    try await self.release(name, secret: secret, at: origin)
                }
            }
            throw Task.isCancelled ? BackendError(.cancelled, "the task was cancelled", backend: self.name) : error
        }
    }

    /// Asks for a lock until it is given.
    ///
    /// - Parameters:
    ///   - name: The lock.
    ///   - ttl: How long it outlives its last renewal.
    ///   - secret: What the caller is known by.
    ///   - asked: The hubs that may have given it.
    /// - Returns: The right to hold it.
    /// - Throws: A ``BackendError``.
    private func acquire(
        _ name: LockName,
        ttl: Duration,
        secret: String,
        _ asked: inout [Origin]
    ) async throws(BackendError) -> any LockLease {
        var generator = SplitMix64()
        var failures = 0
        while true {
            let began = self.clock.now
            let origin = self.calls.origins.current
            if !asked.contains(origin) { asked.append(origin) }
            do throws(BackendError) {
                let (token, granted) = try await self.ask(name, ttl: ttl, secret: secret, at: origin)
                let lease = HubLockLease(
                    backend: self,
                    origin: origin,
                    name: name,
                    token: token,
                    secret: secret,
                    ttl: granted,
                    grantedAt: began
                )
                // When in a long wait the hub gave it, only a renewal can tell.
                if began.duration(to: self.clock.now) > granted / 4 { try await lease.renew() }
                return lease
            } catch  where error.code == .conflict || error.code == .leaseLost {
                failures = 0
                // A hub that does not wait is not asked as fast as it answers.
                if began.duration(to: self.clock.now) < .milliseconds(100) {
                    try await self.clock.pause(for: Backoff.background.pause(before: 1, using: &generator))
                }
            } catch  where self.allowsRetry(after: error, failures) {
                if HubCalls.isOfHub(error) { self.calls.origins.leave(origin) }
                failures += 1
                try await self.clock.pause(for: Backoff.background.pause(before: failures, using: &generator))
            }
        }
    }

    /// Whether a failed call for a lock is made again: its answer was lost, or another hub may give it.
    private func allowsRetry(after error: BackendError, _ failures: Int) -> Bool {
        guard error.code != .cancelled else { return false }
        if error.applied == .unknown { return failures < 3 }
        return HubCalls.isOfHub(error) && failures < self.calls.origins.all.count - 1
    }

    private func ask(
        _ name: LockName,
        ttl: Duration,
        secret: String,
        at origin: Origin
    ) async throws(BackendError) -> (token: UInt64, ttl: Duration) {
        // Who waits has a connection of his own, so that many who wait keep no call from its turn.
        let answer = try await self.lockCalls.send(
            "POST",
            HubCalls.path(name),
            "acquire",
            key: name.text,
            query: [("ttl", ttl.text), ("wait", Self.turn.text), ("lease", secret)],
            within: Self.turn + self.configuration.timeout,
            at: origin
        )
        return try HubCalls.reading("acquire", name.text) { () throws(ValidationError) in
            try HubLockLease.grant(in: answer.body)
        }
    }

    /// See ``LockBackend/holder(of:)``.
    public func holder(of name: LockName) async throws(BackendError) -> LockHolder? {
        do throws(BackendError) {
            let answer = try await self.calls.send("GET", HubCalls.path(name), "holder", key: name.text)
            return try HubCalls.reading("holder", name.text) { () throws(ValidationError) in
                try HubLockLease.holder(in: answer.body)
            }
        } catch  where error.code == .notFound {
            return nil
        }
    }

    func release(_ name: LockName, secret: String, at origin: Origin) async throws(BackendError) {
        let path = HubCalls.path(name)
        _ = try await self.calls.send("DELETE", path, "release", key: name.text, secret: secret, at: origin)
    }
}

/// A lock that is held on a hub.
final class HubLockLease: LockLease {
    let name: LockName
    let token: UInt64
    let ttl: Duration
    private let backend: HubBackend
    /// The hub that gave it, which alone knows it where several stand in front of one engine.
    private let origin: Origin
    private let secret: String
    private let keeper: LockKeeper

    init(
        backend: HubBackend,
        origin: Origin,
        name: LockName,
        token: UInt64,
        secret: String,
        ttl: Duration,
        grantedAt moment: TimeSource.Instant
    ) {
        self.backend = backend
        self.origin = origin
        self.name = name
        self.token = token
        self.secret = secret
        self.ttl = ttl
        self.keeper = LockKeeper(ttl: ttl, grantedAt: moment, clock: backend.clock)
    }

    /// Renews once.
    func renew() async throws(BackendError) {
        try await self.keeper.renewNow { () async throws(BackendError) in try await self.send() }
    }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.keeper.keep { () async throws(BackendError) in try await self.send() }
    }

    func release() async throws(BackendError) {
        self.keeper.end()
        try await self.backend.release(self.name, secret: self.secret, at: self.origin)
    }

    private func send() async throws(BackendError) {
        _ = try await self.backend.calls.send(
            "PUT",
            HubCalls.path(self.name),
            "renew",
            key: self.name.text,
            secret: self.secret,
            at: self.origin
        )
    }

    /// Reads `{"token":7,"lease":{"secret":…,"ttl":"10s"}}`.
    static func grant(in body: [UInt8]) throws(ValidationError) -> (token: UInt64, ttl: Duration) {
        var (token, ttl) = (UInt64?.none, Duration?.none)
        var reader = JSONReader(body)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "token": token = UInt64(exactly: try reader.integer())
            case "lease":
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "ttl" {
                        ttl = try Duration(text: try reader.string(), field: "")
                    } else {
                        try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        try reader.end()
        guard let token else { throw ValidationError(field: "token", message: "is missing or below 0") }
        guard let ttl, ttl > .zero else { throw ValidationError(field: "lease.ttl", message: "is missing or 0") }
        return (token, ttl)
    }

    /// Reads `{"name":…,"token":7,"waiting":0}`.
    static func holder(in body: [UInt8]) throws(ValidationError) -> LockHolder {
        var (token, waiting) = (UInt64?.none, Int?.none)
        var reader = JSONReader(body)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "token": token = UInt64(exactly: try reader.integer())
            case "waiting": waiting = try reader.integer()
            default: try reader.skip()
            }
        }
        try reader.end()
        guard let token else { throw ValidationError(field: "token", message: "is missing or below 0") }
        return LockHolder(token: token, waiting: waiting)
    }
}

extension HubCalls {
    /// The path of a lock.
    static func path(_ name: LockName) -> String { "/v1/locks/\(PercentEncoding.encode(name.text))" }
}
