/// Who holds and who waits for locks, as a value: every rule of queue, token and lease, without clock, lock or disk.
package struct LockTable: Sendable {
    /// A lock in its namespace.
    package struct Place: Hashable, Sendable {
        /// The namespace.
        package let namespace: Namespace
        /// The lock.
        package let name: LockName

        /// Names a place.
        package init(namespace: Namespace, name: LockName) {
            self.namespace = namespace
            self.name = name
        }
    }

    /// What a holder was given.
    package struct Grant: Hashable, Sendable {
        /// Whom: what the caller chose, or a hash of it.
        package let proof: String
        /// Above that of every holder before.
        package let token: UInt64
        /// How long it outlives its last renewal.
        package let ttl: Duration
        /// When it ends if nobody renews it.
        package var expiry: TimeSource.Instant
    }

    private struct Waiter: Sendable {
        let proof: String
        let ttl: Duration
    }

    private struct Lock: Sendable {
        var grant: Grant?
        var queue: [Waiter] = []
    }

    /// The highest token that was given; tokens of all locks come from one count.
    package private(set) var lastToken: UInt64
    private var locks: [Place: Lock] = [:]

    /// Creates a table in which nobody holds anything.
    ///
    /// - Parameter token: The highest token that was ever given.
    package init(lastToken token: UInt64 = 0) {
        self.lastToken = token
    }

    /// Whether there is nothing that can come due.
    package var isQuiet: Bool { self.locks.isEmpty }

    /// Who holds a lock, and how many wait.
    package func holder(at place: Place) -> LockHolder? {
        guard let lock = self.locks[place], let grant = lock.grant else { return nil }
        return LockHolder(token: grant.token, waiting: lock.queue.count)
    }

    /// What somebody was given who may have missed the answer; `nil` while he waits, or when he does not hold the lock.
    package func grant(of proof: String, at place: Place) -> Grant? {
        guard let grant = self.locks[place]?.grant, grant.proof == proof else { return nil }
        return grant
    }

    /// Takes a lock that is free, or a place in its queue.
    ///
    /// Asking again changes nothing: a caller whose answer was lost has what he had.
    ///
    /// - Returns: What is given; `nil` for a place in the queue.
    package mutating func acquire(
        _ place: Place,
        proof: String,
        ttl: Duration,
        at now: TimeSource.Instant
    ) -> Grant? {
        var lock = self.locks.removeValue(forKey: place) ?? Lock()
        defer { self.locks[place] = lock }
        if let grant = lock.grant {
            if grant.proof == proof { return grant }
            if !lock.queue.contains(where: { $0.proof == proof }) {
                lock.queue.append(Waiter(proof: proof, ttl: ttl))
            }
            return nil
        }
        return self.give(&lock, to: Waiter(proof: proof, ttl: ttl), at: now)
    }

    /// Renews.
    ///
    /// - Returns: The grant; `nil` when the lock is not held by the caller any more.
    package mutating func renew(_ place: Place, proof: String, at now: TimeSource.Instant) -> Grant? {
        guard var grant = self.grant(of: proof, at: place), grant.expiry > now else { return nil }
        grant.expiry = now.advanced(by: grant.ttl)
        self.locks[place]?.grant = grant
        return grant
    }

    /// Lets go of a lock, or of a place in its queue.
    ///
    /// - Returns: Who has the lock now because of it.
    package mutating func release(_ place: Place, proof: String, at now: TimeSource.Instant) -> Grant? {
        guard var lock = self.locks.removeValue(forKey: place) else { return nil }
        defer { if lock.grant != nil { self.locks[place] = lock } }
        lock.queue.removeAll { $0.proof == proof }
        guard lock.grant?.proof == proof else { return nil }
        return self.handOver(&lock, at: now)
    }

    /// Ends what is over.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - lateness: By how much the caller is late, wherever that went: nobody could renew meanwhile.
    /// - Returns: Who has a lock now because of it.
    package mutating func expire(
        at now: TimeSource.Instant,
        lateness: Duration = .zero
    ) -> [(place: Place, grant: Grant)] {
        var given: [(place: Place, grant: Grant)] = []
        for (place, var lock) in self.locks {
            if lateness > .milliseconds(200), let expiry = lock.grant?.expiry {
                lock.grant?.expiry = expiry.advanced(by: lateness)
                self.locks[place] = lock
            }
            guard let grant = lock.grant, grant.expiry <= now else { continue }
            if let next = self.handOver(&lock, at: now) { given.append((place, next)) }
            self.locks[place] = lock.grant == nil ? nil : lock
        }
        return given
    }

    private mutating func handOver(_ lock: inout Lock, at now: TimeSource.Instant) -> Grant? {
        lock.grant = nil
        guard !lock.queue.isEmpty else { return nil }
        return self.give(&lock, to: lock.queue.removeFirst(), at: now)
    }

    private mutating func give(_ lock: inout Lock, to waiter: Waiter, at now: TimeSource.Instant) -> Grant {
        self.lastToken += 1
        let grant = Grant(
            proof: waiter.proof,
            token: self.lastToken,
            ttl: waiter.ttl,
            expiry: now.advanced(by: waiter.ttl)
        )
        lock.grant = grant
        return grant
    }
}
