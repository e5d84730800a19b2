import HTTPEngine
public import Rollcall
import Synchronization

extension ConsulBackend {
    /// See ``RegistryBackend/watch(_:deliver:)``.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let inbox = WatchInbox(ServiceWatchState(service: service) { self.amendmentKey(service, $0) })
        let error = await withTaskGroup(of: BackendError.self) { group in
            group.addTask { await self.followCatalog(service, inbox) }
            group.addTask {
                await self.feed.follow(of: self) { amendments in inbox.change { $0.take(amendments) } }
            }
            group.addTask { await inbox.deliver(deliver) }
            let first = await group.next()
            group.cancelAll()
            return first
        }
        guard !Task.isCancelled, let error else { throw self.cancelled("watch") }
        throw error
    }

    private func followCatalog(_ service: ServiceName, _ inbox: WatchInbox) async -> BackendError {
        do throws(BackendError) {
            try await self.follow("watch of \(service)") {
                self.healthCall(service, "watch")
            } changed: { answer throws(BackendError) in
                let records = try self.records(answer, of: service, "watch")
                inbox.change { $0.take(records) }
            } same: {
                inbox.change { $0.confirm() }
            } interrupted: {
                inbox.change { $0.interrupt(at: self.clock.now) }
            }
        } catch {
            return error
        }
    }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    ///
    /// A name stays for as long as Consul has a record under it: of a service whose last holder died, up to
    /// ``Configuration/deregisterAfter`` and half a minute longer than the instance itself.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        var latest: [ServiceName]?
        try await self.follow("watch of the services") {
            ConsulCall(path: "/v1/catalog/services", operation: "watchServices", query: self.freshness)
        } changed: { answer throws(BackendError) in
            let names = try self.names(in: answer)
            guard names != latest else { return }
            latest = names
            deliver(names)
        }
    }

    /// Asks again and again, each time waiting for a change, until the task is cancelled or going on is pointless.
    ///
    /// - Parameters:
    ///   - what: What is watched, for the log.
    ///   - call: What to ask, without the index.
    ///   - changed: Takes each answer that may be a new one.
    ///   - same: Called for an answer that nothing changed.
    ///   - interrupted: Called when the way is broken.
    /// - Throws: `cancelled`, or what makes going on pointless.
    func follow(
        _ what: String,
        call: () -> ConsulCall,
        changed: (HTTPClient.Response) throws(BackendError) -> Void,
        same: () -> Void = {},
        interrupted: () -> Void = {}
    ) async throws(BackendError) -> Never {
        self.beginFollowing()
        defer { self.endFollowing() }
        var generator = SplitMix64()
        var index = BlockingIndex()
        var pacing = PollPacing()
        var length = WaitLength()
        var failures = 0
        while true {
            let pause = pacing.take(at: self.clock.now)
            if pause > .zero { try await self.clock.pause(for: pause) }
            do throws(BackendError) {
                let query = self.waiting(call(), index, &length, &generator)
                let answer = try await self.streams.send(query)
                if index.accept(answer.consulIndex) == .new { try changed(answer) } else { same() }
                failures = 0
                continue
            } catch {
                guard !Task.isCancelled, error.code != .cancelled else { throw self.cancelled(what) }
                guard RetryTable.allowsRetry(after: error, isIdempotent: true) || error.code == .protocolViolation
                else { throw error }
                self.log(failures == 0 ? .warning : .debug, "the \(what) broke and goes on: \(error)")
                index.fail()
                interrupted()
                failures += 1
                let backoff = Backoff.background.pause(before: failures, using: &generator)
                try await self.clock.pause(for: max(backoff, min(error.retryAfter ?? .zero, .seconds(60))))
            }
        }
    }

    /// A call that waits for what comes after an index.
    private func waiting(
        _ call: ConsulCall,
        _ index: BlockingIndex,
        _ length: inout WaitLength,
        _ generator: inout SplitMix64
    ) -> ConsulCall {
        guard let index = index.index else { return call }
        var call = call
        // Watches that began together do not ask together for ever.
        let wait = length.take(atMost: self.configuration.wait) * Double.random(in: 0.9...1, using: &generator)
        call.query += [("index", "\(index)"), ("wait", wait.consulText)]
        // Consul waits up to a sixteenth longer than it is asked to.
        call.limit = wait * 17 / 16 + self.configuration.timeout
        return call
    }

    /// Repeats what may pass until it succeeds, or cannot.
    func retrying<Value>(
        _ what: String,
        _ operation: () async throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        let policy = RetryPolicy(backoff: .background, maximumTime: .seconds(365 * 86400))
        return try await policy.run(isIdempotent: true, clock: self.clock, operation)
    }
}

/// What comes in of a watch, until it is handed over: one after the other, and of many changes the last.
final class WatchInbox: Sendable {
    private let state: Mutex<ServiceWatchState>
    private let bell = KeyedMailbox<Bool, Void>()

    init(_ state: ServiceWatchState) {
        self.state = Mutex(state)
    }

    /// Takes a change in.
    func change(_ body: (inout ServiceWatchState) -> Void) {
        self.state.withLock { body(&$0) }
        self.bell.offer((), for: true)
    }

    /// Hands over what is new until the task is cancelled.
    func deliver(_ deliver: @Sendable (ServiceSnapshot) -> Void) async -> BackendError {
        do throws(BackendError) {
            while true {
                _ = try await self.bell.next()
                if let snapshot = self.state.withLock({ $0.next() }) { deliver(snapshot) }
            }
        } catch {
            return error
        }
    }
}
