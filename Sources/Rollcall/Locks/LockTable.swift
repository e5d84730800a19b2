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

    /// How many locks have a holder or a queue.
    package var count: Int { self.locks.count }

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
        defer { if lock.grant != nil || !lock.queue.isEmpty { self.locks[place] = lock } }
        lock.queue.removeAll { $0.proof == proof }
        guard lock.grant?.proof == proof else { return nil }
        return self.handOver(&lock, at: now)
    }

    /// Whether ``expire(at:lateness:)`` would do anything.
    package func isDue(at now: TimeSource.Instant) -> Bool {
        self.locks.values.contains { $0.grant.map { $0.expiry <= now } ?? true }
    }

    /// The locks whose holder's time is over.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - lateness: By how much the caller is late.
    /// - Returns: The locks.
    package func overdue(at now: TimeSource.Instant, lateness: Duration = .zero) -> [Place] {
        let grace = Self.grace(lateness)
        return self.locks.compactMap { place, lock in
            lock.grant.map { $0.expiry.advanced(by: grace) <= now } == true ? place : nil
        }
    }

    /// By how much longer everything lasts when its judge is late, wherever that time went: nobody could renew.
    private static func grace(_ lateness: Duration) -> Duration { lateness > .milliseconds(200) ? lateness : .zero }

    /// Takes back what was given but could not be written down: who was given it is the first in the queue again.
    package mutating func takeBack(_ grant: Grant, at place: Place) {
        guard var lock = self.locks[place], lock.grant?.token == grant.token else { return }
        lock.grant = nil
        lock.queue.insert(Waiter(proof: grant.proof, ttl: grant.ttl), at: 0)
        self.locks[place] = lock
    }

    /// Puts a holder back who was there before, with a whole time-to-live.
    package mutating func restore(
        _ place: Place,
        proof: String,
        token: UInt64,
        ttl: Duration,
        at now: TimeSource.Instant
    ) {
        self.lastToken = max(self.lastToken, token)
        self.locks[place] = Lock(
            grant: Grant(proof: proof, token: token, ttl: ttl, expiry: now.advanced(by: ttl))
        )
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
            let grace = Self.grace(lateness)
            if grace > .zero, let expiry = lock.grant?.expiry {
                lock.grant?.expiry = expiry.advanced(by: grace)
                self.locks[place] = lock
            }
            // Without a holder but with a queue is a lock whose grant was taken back.
            if let grant = lock.grant, grant.expiry > now { continue }
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
