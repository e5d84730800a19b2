import HTTPEngine
public import Rollcall

extension ConsulBackend: LockBackend {
    /// What marks a key as a lock to Consul's own clients.
    static let lockFlags: UInt64 = 0x2ddc_cbc0_58a5_0c18

    /// The key of a lock.
    func lockKey(_ name: LockName) -> String { self.keyRoot + "locks/" + ConsulKey.segment(name.text) }

    /// See ``LockBackend/acquire(_:ttl:)``.
    ///
    /// Who comes next is not said: of those who wait, the quickest gets the lock. The token is the index of Consul's log at
    /// which the lock was given, which rises over all keys and survives deletions; only servers that are restored from an
    /// older copy, or begin anew, count from further back.
    public func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let granted = min(max(ttl, self.configuration.minimumSessionTTL), .seconds(86400))
        var session: LockSession?
        do throws(BackendError) {
            return try await self.acquire(name, ttl: granted, &session)
        } catch {
            if let session {
                try? await self.uncancelled { () async throws(BackendError) in
                    try await self.release(name, session: session.id)
                }
            }
            throw Task.isCancelled ? self.cancelled("acquire") : error
        }
    }

    private func acquire(
        _ name: LockName,
        ttl: Duration,
        _ session: inout LockSession?
    ) async throws(BackendError) -> any LockLease {
        var generator = SplitMix64()
        var index = BlockingIndex()
        var length = WaitLength()
        var failures = 0
        while true {
            do throws(BackendError) {
                let entry = try await self.lockEntry(
                    name,
                    &index,
                    &length,
                    // A session is renewed between two looks.
                    atMost: session == nil ? self.configuration.wait : min(ttl / 3, self.configuration.wait)
                )
                failures = 0
                if let lease = try await self.take(name, ttl: ttl, &session, entry) { return lease }
                guard entry?.session == nil else {
                    // A proxy that keeps the index back would have it asked without a pause.
                    if index.index == nil { try await self.clock.pause(for: .milliseconds(250)) }
                    continue
                }
                // Somebody was quicker, or the time of a delay after a lost lock is not over: nothing tells its end.
                index.fail()
                try await self.clock.pause(for: .milliseconds(Int.random(in: 50...250, using: &generator)))
            } catch  where RetryTable.allowsRetry(after: error, isIdempotent: true) && failures < 3 {
                failures += 1
                index.fail()
                try await self.clock.pause(for: Backoff.background.pause(before: failures, using: &generator))
            }
        }
    }

    /// Reads a lock, waiting for a change of what was read before.
    private func lockEntry(
        _ name: LockName,
        _ index: inout BlockingIndex,
        _ length: inout WaitLength,
        atMost limit: Duration
    ) async throws(BackendError) -> KeyValueEntry? {
        let key = self.lockKey(name)
        var call = ConsulCall(path: Self.path(ofKey: key), operation: "acquire", key: name.text, accepted: [404])
        if let index = index.index {
            let wait = length.take(atMost: limit)
            call.query = [("index", "\(index)"), ("wait", wait.consulText)]
            call.limit = wait * 17 / 16 + self.configuration.timeout
        }
        // Who waits has a connection of his own, so that many who wait keep no call from its turn.
        let answer = try await self.streams.send(call)
        _ = index.accept(answer.consulIndex)
        return try Self.keyValues(answer, "acquire", name.text).first { $0.key == key }
    }

    /// Takes a lock that seems free, and keeps the session alive that is to hold it.
    ///
    /// - Returns: The lock; `nil` when it is not to be had now.
    private func take(
        _ name: LockName,
        ttl: Duration,
        _ session: inout LockSession?,
        _ entry: KeyValueEntry?
    ) async throws(BackendError) -> (any LockLease)? {
        if let present = session, present.isDue(at: self.clock.now, ttl: ttl) {
            session = try await self.renewed(present)
        }
        if let entry, let holder = entry.session {
            // The answer that said so was lost.
            guard let session, holder == session.id else { return nil }
            return try await self.lease(name, ttl: ttl, session, token: entry.modifyIndex)
        }
        if session == nil { session = try await self.createSession(for: name, ttl: ttl) }
        guard let mine = session else { return nil }
        let operation = KeyValueOperation(
            .lock,
            self.lockKey(name),
            value: Array(#"{"schema":1}"#.utf8),
            flags: Self.lockFlags,
            session: mine.id
        )
        let outcome = try await self.uncancelled { () async throws(BackendError) in
            try await self.transact([operation], "acquire", name.text)
        }
        switch outcome {
        case .done(let entries):
            guard let entry = entries.first, entry.session == mine.id else {
                throw self.lost(.protocolViolation, "Results: the lock is not in the answer", "acquire", name.text)
            }
            return try await self.lease(name, ttl: ttl, mine, token: entry.modifyIndex)
        case .refused(let refusals):
            if refusals.contains(where: { $0.reason.contains("invalid session") }) { session = nil }
            return nil
        }
    }

    private func lease(
        _ name: LockName,
        ttl: Duration,
        _ session: LockSession,
        token: UInt64
    ) async throws(BackendError) -> any LockLease {
        let lease = ConsulLockLease(backend: self, name: name, token: token, session: session, ttl: ttl)
        if session.renewedAt.duration(to: self.clock.now) > ttl / 4 { try await lease.renew() }
        return lease
    }

    /// See ``LockBackend/holder(of:)``.
    public func holder(of name: LockName) async throws(BackendError) -> LockHolder? {
        let freshness = [("consistent", "")]
        let entry = try await self.keyValue(self.lockKey(name), "holder", name.text, freshness: freshness)
        guard let entry, entry.session != nil else { return nil }
        return LockHolder(token: entry.modifyIndex)
    }

    /// Lets a lock go and ends the session that held it, or was to.
    ///
    /// The key goes first, since Consul lets nobody have for a while what an ended session held.
    func release(_ name: LockName, session: String) async throws(BackendError) {
        let key = self.lockKey(name)
        let operations = [
            KeyValueOperation(.checkSession, key, session: session), KeyValueOperation(.delete, key),
        ]
        _ = try await self.transact(operations, "release", name.text)
        try await self.destroySession(session, name.text)
    }
}
