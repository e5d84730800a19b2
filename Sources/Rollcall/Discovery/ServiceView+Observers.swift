import Synchronization

// Who wants to be told of a view.
extension ServiceView {
    /// Calls `observer` with the current snapshot, if there is one, and with each that follows, in order.
    ///
    /// It is called under the view's lock and may do no more than put the snapshot into a mailbox.
    func addObserver(_ observer: @escaping @Sendable (ServiceSnapshot) -> Void) -> UInt64 {
        self.state.withLock { state in
            state.nextObserver += 1
            state.observers[state.nextObserver] = observer
            if let snapshot = state.snapshot {
                observer(snapshot.renumbered(snapshot.revision, keepsDeparted: false))
            }
            return state.nextObserver
        }
    }

    /// Calls an observer no more.
    func removeObserver(_ id: UInt64) {
        self.state.withLock { $0.observers[id] = nil }
    }

    /// Whether nobody observes the view and nobody looked anything up for `timeout`.
    func isIdle(at now: TimeSource.Instant, after timeout: Duration) -> Bool {
        let wasUsed = self.directory.takeUse(of: self.service)
        return self.state.withLock { state in
            if wasUsed { state.lastLookup = now }
            return state.observers.isEmpty && (state.lastLookup.map { $0.duration(to: now) >= timeout } ?? true)
        }
    }
}
