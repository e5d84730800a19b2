import Synchronization

/// Observes every service of a pattern into one mailbox, joining and leaving as services come and go.
final class PatternObservation: Sendable {
    private struct State {
        var observers: [ServiceName: UInt64] = [:]
        var listed: Set<ServiceName> = []
        var hasEnded = false
    }

    let mailbox: SnapshotMailbox
    private let pattern: ServicePattern
    private let discovery: Discovery
    private let state = Mutex(State())

    init(pattern: ServicePattern, discovery: Discovery, mailbox: SnapshotMailbox) {
        self.mailbox = mailbox
        self.pattern = pattern
        self.discovery = discovery
    }

    /// Takes the names of all services that there are now.
    func receive(_ names: [ServiceName]) {
        let listed = Set(names.filter(self.pattern.matches))
        let news = self.state.withLock { state -> [ServiceName] in
            guard !state.hasEnded else { return [] }
            state.listed = listed
            return listed.filter { state.observers[$0] == nil }
        }
        for service in news { self.join(service) }
        let departures = self.state.withLock { state in
            state.observers.keys.filter { !listed.contains($0) }
        }
        // The snapshot without instances, and why the last one left, may come after the news that the name is gone.
        for service in departures where self.discovery.existingView(of: service)?.snapshot?.instances.isEmpty == true {
            self.leave(service)
        }
    }

    func end() {
        let observers = self.state.withLock { state in
            state.hasEnded = true
            defer { state.observers = [:] }
            return state.observers
        }
        for (service, id) in observers { self.discovery.removeObserver(id, of: service) }
    }

    private func join(_ service: ServiceName) {
        let id = self.discovery.addObserver(of: service) { [mailbox] in mailbox.offer($0, for: service) }
        let isTooLate = self.state.withLock { state in
            guard !state.hasEnded, state.observers[service] == nil else { return true }
            state.observers[service] = id
            return false
        }
        if isTooLate { self.discovery.removeObserver(id, of: service) }
    }

    private func leave(_ service: ServiceName) {
        let id = self.state.withLock { state -> UInt64? in
            state.listed.contains(service) ? nil : state.observers.removeValue(forKey: service)
        }
        if let id { self.discovery.removeObserver(id, of: service) }
    }
}
