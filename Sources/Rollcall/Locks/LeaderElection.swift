import Synchronization

/// One of several processes does something that only one may do at a time, and another takes over when it is gone.
///
/// ```swift
/// let election = LeaderElection(backend: backend, name: try LockName("scheduler"))
/// try await election.run { token in
///     try await scheduler.run(fencedBy: token)
/// }
/// ```
///
/// It runs for office until its task is cancelled or what it leads has ended: a backend that is away and a lock that is
/// lost are no reasons to give up. While it does not know that it leads, it does not: at the latest when the
/// time-to-live is over without an answer of the backend, what it leads is cancelled.
public final class LeaderElection: Sendable {
    /// Where an election stands, as this process knows it.
    public enum State: Hashable, Sendable {
        /// It does not run.
        case idle
        /// Somebody else leads, or nobody yet.
        case waiting
        /// This process leads, with this token.
        case leading(token: UInt64)
        /// What it led has ended, or its task was cancelled.
        case stopped
    }

    private struct Observers {
        var state = State.idle
        var streams: [UInt64: AsyncStream<State>.Continuation] = [:]
        var next: UInt64 = 0
    }

    /// What is run for.
    public let name: LockName
    private let backend: any LockBackend
    private let ttl: Duration
    private let clock: TimeSource
    private let log: Log
    private let observers = Mutex(Observers())

    /// Prepares an election.
    ///
    /// - Parameters:
    ///   - backend: Holds the lock that the leader has.
    ///   - name: The lock: the same for all who run.
    ///   - ttl: After how long another takes over when this process dies; 15 s by default.
    ///   - clock: What measures time.
    ///   - log: Where it says who leads.
    public init(
        backend: any LockBackend,
        name: LockName,
        ttl: Duration = .seconds(15),
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.backend = backend
        self.name = name
        self.ttl = ttl
        self.clock = clock
        self.log = log.component("election")
    }

    /// Where it stands now.
    public var state: State { self.observers.withLock { $0.state } }

    /// Whether this process leads now, as far as it knows.
    public var isLeader: Bool { if case .leading = self.state { true } else { false } }

    /// Where it stands, then each change; a slow reader is told the latest only.
    ///
    /// It ends when the election is over.
    public var states: AsyncStream<State> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let number = self.observers.withLock { observers -> UInt64 in
                observers.next += 1
                continuation.yield(observers.state)
                if observers.state == .stopped {
                    continuation.finish()
                } else {
                    observers.streams[observers.next] = continuation
                }
                return observers.next
            }
            continuation.onTermination = { [weak self] _ in
                self?.observers.withLock { $0.streams[number] = nil }
            }
        }
    }

    /// Runs for office, and runs `lead` whenever it is won, until that ends.
    ///
    /// - Parameter lead: What only the leader does, given its token; cancelled when the lock is lost, and called again
    ///   when it is won again.
    /// - Returns: What `lead` returns when it ends while this process leads.
    /// - Throws: What `lead` throws while this process leads; a ``BackendError`` that trying again does not help
    ///   against; `cancelled`.
    public func run<Value: Sendable>(
        _ lead: @escaping @Sendable (UInt64) async throws -> Value
    ) async throws -> Value {
        self.move(to: .waiting)
        defer { self.move(to: .stopped) }
        var generator = SplitMix64()
        var failures = 0
        while true {
            do {
                let outcome = try await self.backend.withLock(self.name, ttl: self.ttl, clock: self.clock) { token in
                    await self.serve(token, lead)
                }
                return try outcome.get()
            } catch let failure as WorkFailure {
                throw failure.error
            } catch let error as BackendError {
                guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
                if error.code == .leaseLost {
                    self.log(.warning, "'\(self.name)' is lost: \(error)")
                    failures = 0
                } else {
                    guard RetryTable.allowsRetry(after: error, isIdempotent: true) else { throw error }
                    self.log(failures == 0 ? .warning : .debug, "'\(self.name)' cannot be run for: \(error)")
                    failures += 1
                }
            }
            self.move(to: .waiting)
            try await self.clock.pause(for: Backoff.background.pause(before: max(failures, 1), using: &generator))
        }
    }

    /// An error of what is led, told apart from those of the lock.
    private struct WorkFailure: Error {
        let error: any Error
    }

    private func serve<Value: Sendable>(
        _ token: UInt64,
        _ lead: @Sendable (UInt64) async throws -> Value
    ) async -> Result<Value, WorkFailure> {
        self.move(to: .leading(token: token))
        self.log(.info, "this process leads '\(self.name)' with token \(token)")
        defer { self.move(to: .waiting) }
        do {
            return .success(try await lead(token))
        } catch {
            return .failure(WorkFailure(error: error))
        }
    }

    private func move(to state: State) {
        let ended = self.observers.withLock { observers -> [AsyncStream<State>.Continuation] in
            guard observers.state != state else { return [] }
            observers.state = state
            for stream in observers.streams.values { stream.yield(state) }
            guard state == .stopped else { return [] }
            defer { observers.streams = [:] }
            return Array(observers.streams.values)
        }
        // A stream that ends takes itself out, for which it needs the lock.
        for stream in ended { stream.finish() }
    }
}

extension LockBackend {
    /// Delivers who holds a lock, then each change, until the task is cancelled; for those who do not run for it.
    ///
    /// It asks again and again. What comes and goes in between is not told, and nothing while the backend is away.
    ///
    /// - Parameters:
    ///   - name: The lock.
    ///   - period: How often to ask; 1 s by default.
    ///   - clock: What measures time.
    ///   - deliver: Takes each holder, `nil` for nobody; one after the other. It must not block.
    /// - Throws: `cancelled`; a ``BackendError`` that asking again does not help against.
    public func watchHolder(
        of name: LockName,
        every period: Duration = .seconds(1),
        clock: TimeSource = TimeSource(),
        deliver: @Sendable (LockHolder?) -> Void
    ) async throws(BackendError) -> Never {
        var last: UInt64??
        while true {
            do throws(BackendError) {
                let holder = try await self.holder(of: name)
                if last != .some(holder?.token) { deliver(holder) }
                last = .some(holder?.token)
            } catch {
                guard RetryTable.allowsRetry(after: error, isIdempotent: true) else { throw error }
            }
            try await clock.pause(for: period)
        }
    }
}
