import Synchronization

/// The names of all services, watched for as long as somebody observes by pattern.
final class NamesView: Sendable {
    private struct State {
        var names: [ServiceName]?
        var observers: [UInt64: @Sendable ([ServiceName]) -> Void] = [:]
        var nextObserver: UInt64 = 0
        /// Raised when the need that there was begins or ends; a new one takes its place.
        var change = Signal()

        mutating func takeChange() -> Signal {
            defer { self.change = Signal() }
            return self.change
        }
    }

    private let state = Mutex(State())

    func accept(_ names: [ServiceName]) {
        self.state.withLock { state in
            state.names = names
            for observer in state.observers.values { observer(names) }
        }
    }

    /// Calls `observer` with the current names, if they are known, and after each change, under the view's lock.
    func addObserver(_ observer: @escaping @Sendable ([ServiceName]) -> Void) -> UInt64 {
        let (id, change) = self.state.withLock { state in
            let change = state.observers.isEmpty ? state.takeChange() : nil
            state.nextObserver += 1
            state.observers[state.nextObserver] = observer
            if let names = state.names { observer(names) }
            return (state.nextObserver, change)
        }
        change?.raise()
        return id
    }

    func removeObserver(_ id: UInt64) {
        let change = self.state.withLock { state -> Signal? in
            guard state.observers.removeValue(forKey: id) != nil, state.observers.isEmpty else { return nil }
            return state.takeChange()
        }
        change?.raise()
    }

    /// Forgets the names once their watch has ended: the next one begins with the present ones.
    func forget() {
        self.state.withLock { $0.names = nil }
    }

    func waitUntilNeeded() async { await self.wait(untilNeeded: true) }

    func waitUntilNotNeeded() async { await self.wait(untilNeeded: false) }

    private func wait(untilNeeded isNeeded: Bool) async {
        while !Task.isCancelled {
            let change = self.state.withLock { $0.observers.isEmpty == isNeeded ? $0.change : nil }
            guard let change else { return }
            await change.wait()
        }
    }
}
