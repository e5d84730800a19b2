import Rollcall
import Synchronization

/// Keeps the services watched that open streams name by patterns, as they come and go.
final class PatternKeeper: Sendable {
    typealias Watches = SharedWatches<ServiceName, ServiceSnapshot>

    private struct State {
        var counts: [ServicePattern: Int] = [:]
        var names: [ServiceName] = []
        var holds: [ServiceName: Watches.Hold] = [:]

        /// The services that are to be watched.
        var wanted: Set<ServiceName> {
            guard !self.counts.isEmpty else { return [] }
            return Set(self.names.filter { name in self.counts.keys.contains { $0.matches(name) } })
        }
    }

    private let watches: Watches
    private let state = Mutex(State())

    init(watches: Watches) {
        self.watches = watches
    }

    /// The services that there are.
    var names: [ServiceName] { self.state.withLock { $0.names } }

    /// Takes the services that there are now.
    func take(_ names: [ServiceName]) { self.update { $0.names = names } }

    /// Keeps what a pattern covers watched from now on.
    func add(_ pattern: ServicePattern) { self.update { $0.counts[pattern, default: 0] += 1 } }

    /// Ends one of the calls of ``add(_:)``.
    func remove(_ pattern: ServicePattern) {
        self.update { state in
            let count = (state.counts[pattern] ?? 0) - 1
            state.counts[pattern] = count > 0 ? count : nil
        }
    }

    /// What is held of the services that a pattern covers.
    func holds(under pattern: ServicePattern) -> [Watches.Hold] {
        self.state.withLock { state in state.holds.filter { pattern.matches($0.key) }.map(\.value) }
    }

    /// Forgets what is watched, once the watches were ended; the patterns stay those of who added them.
    func reset() {
        self.state.withLock { state in
            state.names = []
            state.holds = [:]
        }
    }

    private func update(_ change: (inout State) -> Void) {
        let dropped = self.state.withLock { state -> [Watches.Hold] in
            change(&state)
            let wanted = state.wanted
            // A watch that failed is begun again.
            for service in wanted where state.holds[service].map({ !self.watches.isCurrent($0) }) ?? true {
                state.holds[service] = try? self.watches.hold(service)
            }
            let dropped = state.holds.filter { !wanted.contains($0.key) }
            for service in dropped.keys { state.holds[service] = nil }
            return Array(dropped.values)
        }
        for hold in dropped { self.watches.release(hold) }
    }
}
