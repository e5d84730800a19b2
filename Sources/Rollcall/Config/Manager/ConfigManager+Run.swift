import Synchronization

extension ConfigManager {
    /// Keeps all keys in step until the task is cancelled or ``beginShutdown()`` is called.
    ///
    /// It watches every key, compares now and then, probes the backend, keeps the copy on the disk and calls
    /// subscribers. After ``beginShutdown()`` subscribers finish what they have begun and what waits for them; when the
    /// task is cancelled, so are their calls. Either way they are awaited, and what is in force stays readable, as stale.
    ///
    /// - Throws: `alreadyRunning` when it runs, or ran, already; why a backend that the manager runs ended for good.
    public func run() async throws(BackendError) {
        try self.begin()
        WorkGauge.enter()
        defer {
            WorkGauge.leave()
            self.end()
        }
        let haveFinished = Signal()
        let failure = await withTaskGroup(of: Void.self, returning: BackendError?.self) { group in
            group.addTask {
                await self.serveSubscribers()
                haveFinished.raise()
            }
            let failure = await self.work()
            self.finishReaders()
            await race {
                try? await self.configuration.clock.sleep(for: self.configuration.closeTimeout)
            } _: {
                await haveFinished.wait()
            }
            if !haveFinished.isRaised, !Task.isCancelled {
                self.log(
                    .warning,
                    "subscribers did not finish in \(self.configuration.closeTimeout.text), and are cancelled"
                )
            }
            group.cancelAll()
            return failure
        }
        if let failure { throw failure }
    }

    /// Begins to end: ``run()`` returns once subscribers have finished.
    ///
    /// Calling again changes nothing.
    public func beginShutdown() { self.shutdown.raise() }

    /// Ends the manager and waits until subscribers have finished.
    ///
    /// May be called at any time, and again. Nothing is stored after it, and what is in force stays readable.
    ///
    /// - Throws: `timeout` when a subscriber does not return even though it was cancelled; ``run()`` waits for it on.
    ///   `cancelled` when the task is cancelled.
    public func close() async throws(BackendError) {
        self.shutdown.raise()
        let isRunning = self.state.withLock { state in
            if state.phase == .idle { state.phase = .ended }
            return state.phase == .running
        }
        guard isRunning else {
            self.finishReaders()
            return self.ended.raise()
        }
        // A subscriber that was cancelled has another moment to return.
        let limit = self.configuration.closeTimeout + .seconds(1)
        do throws(BackendError) {
            try await withDeadline(limit, clock: self.configuration.clock) { () async throws(BackendError) in
                await self.ended.wait()
                if Task.isCancelled { throw BackendError(.cancelled, "the task was cancelled") }
            }
        } catch  where error.code == .timeout {
            let count = self.state.withLock { $0.callsUnderWay }
            throw BackendError(.timeout, "\(count) calls of subscribers have not returned within \(limit.text)")
        }
    }

    /// Returns once the start is over: the copy on the disk was read, and the backend answered or had its time.
    ///
    /// - Throws: `cancelled`, or `closed` when the manager ended first.
    public func waitUntilReady() async throws(BackendError) {
        let (ready, ended) = (self.ready, self.ended)
        await race {
            await ready.wait()
        } _: {
            await ended.wait()
        }
        guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
        guard ready.isRaised, !ended.isRaised else {
            throw BackendError(.closed, "the manager ended before it was ready")
        }
    }

    private func begin() throws(BackendError) {
        try self.state.withLock { (state) throws(BackendError) in
            guard state.phase == .idle else {
                throw BackendError(.alreadyRunning, "run() of a configuration manager can be called once")
            }
            state.phase = .running
        }
    }

    private func end() {
        let now = self.now
        self.state.withLock { state in
            state.phase = .ended
            state.machine.ended(at: now)
        }
        self.finishReaders()
        self.ended.raise()
    }

    private func finishReaders() {
        self.newSubscriber.finish()
        for reader in self.state.withLock({ $0.readers.values }) { reader.mailbox.finish() }
    }

    /// Does all but calling subscribers.
    ///
    /// - Returns: Why the backend ended, if it did and the manager runs it.
    private func work() async -> BackendError? {
        await withTaskGroup(of: BackendError?.self) { group in
            if self.ownsBackend {
                group.addTask {
                    do throws(BackendError) {
                        try await self.backend.run()
                        return nil
                    } catch {
                        return error.code == .cancelled ? nil : error
                    }
                }
            }
            group.addTask {
                await self.shutdown.wait()
                return nil
            }
            group.addTask {
                await self.keepUp()
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func keepUp() async {
        let hasRead = Signal()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepDiskCopy(hasRead: hasRead) }
            group.addTask { await self.start(after: hasRead) }
            group.addTask { await self.keepProbing() }
            group.addTask { await self.serveSyncRequests() }
            group.addTask { await self.keepVerifying() }
            if let view = self.backend as? ConfigInstanceView {
                group.addTask { await self.keepReporting(to: view) }
            }
            for key in self.keys {
                group.addTask { await self.follow(key) }
            }
        }
    }

    /// Syncs for the first time, and uses the copy on the disk where the backend does not answer.
    private func start(after hasRead: Signal) async {
        await hasRead.wait()
        guard self.configuration.syncsAtStart || self.configuration.diskCopy != nil else { return self.ready.raise() }
        await withDiscardingTaskGroup { group in
            group.addTask {
                guard self.configuration.syncsAtStart, !Task.isCancelled else { return }
                await self.syncAndTell(asked: true)
                self.useSaved()
                self.ready.raise()
            }
            group.addTask {
                try? await self.configuration.clock.sleep(for: self.configuration.startPatience)
                guard !Task.isCancelled else { return }
                self.useSaved()
                self.ready.raise()
            }
        }
    }
}

/// Runs a manager for as long as `body` runs.
///
/// - Parameters:
///   - manager: The manager, which must not run yet; its backend runs for as long, unless the manager runs it.
///   - body: Uses it. It begins once the start is over, see ``ConfigManager/waitUntilReady()``.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws; else why the manager's run ended before `body` did.
public func withConfigManager<Value>(
    _ manager: ConfigManager,
    _ body: (ConfigManager) async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: BackendError?.self, returning: Value.self) { group in
        group.addTask {
            do throws(BackendError) {
                try await manager.run()
                return nil
            } catch {
                return error
            }
        }
        do {
            try await manager.waitUntilReady()
            let value = try await body(manager)
            manager.beginShutdown()
            try await group.waitForAll()
            return value
        } catch {
            manager.beginShutdown()
            let reason = try await group.next() ?? nil
            throw reason ?? error
        }
    }
}
