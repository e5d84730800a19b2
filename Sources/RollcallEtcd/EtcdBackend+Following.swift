import GRPCEngine
import Rollcall

extension EtcdBackend {
    /// What is told of a range of keys.
    enum Told {
        /// This is all of it.
        case all([EtcdRecord])
        /// It changed.
        case changes([EtcdEvent])
        /// It is being watched again: what was told is true.
        case live
        /// The watch broke.
        case interrupted
    }

    /// Tells what a range of keys holds, then each change, until the task is cancelled or going on is pointless.
    ///
    /// - Parameters:
    ///   - range: The range.
    ///   - keysOnly: Whether values are left out of what is told first.
    ///   - what: What is watched, for the log.
    ///   - tell: Told everything in order.
    /// - Throws: A ``BackendError``; `cancelled` when the task is cancelled.
    func follow(
        _ range: EtcdRange,
        keysOnly: Bool = false,
        _ what: String,
        tell: (Told) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        var follower = EtcdFollower()
        var generator = SplitMix64()
        var attempt = 0
        while true {
            do throws(BackendError) {
                let (loses, connection) = await self.client.losesEvents()
                follower.trustsProgress = !loses
                // Such a server is never believed for long.
                if loses { follower.distrust() }
                let step = follower.begin(on: connection)
                let isAgain = try await self.followOnce(step, range, keysOnly: keysOnly, what, &follower) { told in
                    switch told {
                    // A list alone does not show that the watch works, too.
                    case .live, .changes: attempt = 0
                    case .all, .interrupted: break
                    }
                    tell(told)
                }
                if isAgain { continue }
            } catch {
                guard !Task.isCancelled, error.code != .cancelled else {
                    throw BackendError(.cancelled, "the task was cancelled", backend: Self.name)
                }
                guard RetryTable.allowsRetry(after: error, isIdempotent: true) || error.code == .protocolViolation
                else { throw error }
                self.log(attempt == 0 ? .warning : .debug, "the \(what) broke and is opened again: \(error)")
            }
            tell(.interrupted)
            attempt += 1
            try await self.clock.pause(for: Backoff.background.pause(before: attempt, using: &generator))
        }
    }

    /// Follows until the watch ends.
    ///
    /// - Returns: Whether it ended only to be read and watched again.
    private func followOnce(
        _ step: EtcdFollower.Step,
        _ range: EtcdRange,
        keysOnly: Bool,
        _ what: String,
        _ follower: inout EtcdFollower,
        tell: (Told) -> Void
    ) async throws(BackendError) -> Bool {
        if step == .list {
            let records = try await self.client.readAll(range, keysOnly: keysOnly, what, key: nil)
            follower.listed(records.header)
            tell(.all(records.records))
        }
        let revision = follower.nextRevision
        var copy = follower
        defer { follower = copy }
        let probe = follower.trustsProgress ? self.probe(from: revision) : nil
        let lifetime = probe == nil ? self.configuration.watchCheckInterval : nil
        var end = WatchEnd.over
        try await self.client.withStream("Watch/Watch", what, key: nil, lifetime: lifetime) {
            (stream) throws(GRPCError) in
            // The list may be that of a server that is gone.
            guard copy.opened(on: stream.connectionNumber) else { return end = .again }
            stream.send(EtcdWatchRequest.create(range, from: revision))
            end = try await Self.follow(stream, probe, &copy, tell: tell)
            if probe?.isMute == true { self.client.noteMuteness(of: stream.connectionNumber) }
        }
        switch end {
        case .again:
            if probe?.isMute == true {
                self.log(
                    .info,
                    "the \(what) does not say how far it has come, and is checked against lists from now on"
                )
            }
            return true
        case .over: return false
        case .lost(let reason):
            self.log(.info, "the \(what) begins anew: \(reason)")
            return false
        case .refused(let reason): throw EtcdFault.refusedWatch(reason)
        }
    }

    private func probe(from revision: Int64) -> EtcdWatchProbe {
        EtcdWatchProbe(
            interval: self.configuration.watchCheckInterval,
            patience: self.configuration.timeout,
            clock: self.clock,
            from: revision
        ) {
            try? await self.client.status().header.revision
        }
    }

    private enum WatchEnd {
        /// The server ended it.
        case over
        /// It is to be read and watched again: its time was over, or it is on another connection than the list came by.
        case again
        case lost(String)
        case refused(String)
    }

    /// Follows a stream, beside a probe of it where the server can be trusted; else it ends to be checked.
    private static func follow(
        _ stream: GRPCStream,
        _ probe: EtcdWatchProbe?,
        _ follower: inout EtcdFollower,
        tell: (Told) -> Void
    ) async throws(GRPCError) -> WatchEnd {
        guard let probe else { return try await Self.receive(from: stream, nil, &follower, tell: tell) }
        let end = await withTaskGroup(of: Void.self) { group in
            group.addTask { await probe.run(on: stream) }
            defer { group.cancelAll() }
            do throws(GRPCError) {
                return Result<WatchEnd, GRPCError>.success(
                    try await Self.receive(from: stream, probe, &follower, tell: tell)
                )
            } catch {
                return .failure(error)
            }
        }
        return try end.get()
    }

    private static func receive(
        from stream: GRPCStream,
        _ probe: EtcdWatchProbe?,
        _ follower: inout EtcdFollower,
        tell: (Told) -> Void
    ) async throws(GRPCError) -> WatchEnd {
        while true {
            let message: ArraySlice<UInt8>
            do throws(GRPCError) {
                guard let next = try await stream.next() else { return .over }
                message = next
            } catch {
                guard error.isLocal, error.status == .deadlineExceeded, probe?.isMute != false else { throw error }
                return .again
            }
            probe?.hear()
            switch follower.receive(try EtcdWatchResponse(message)) {
            case .live: tell(.live)
            case .changes(let events): tell(.changes(events))
            case .nothing: continue
            case .lost(let reason): return .lost(reason)
            case .refused(let reason): return .refused(reason)
            }
        }
    }
}
