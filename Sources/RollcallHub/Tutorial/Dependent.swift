import Rollcall
import Synchronization

/// A program that is told of the services it needs: what it knows, and that there is something to tell.
final class Dependent: Sendable {
    private struct State {
        var known: [ServiceName: Set<TutorialService>] = [:]
        /// What may or may not have reached it.
        var uncertain: Set<TutorialService> = []
    }

    let instance: ServiceInstance
    private let state = Mutex(State())
    private let work = KeyedMailbox<Bool, Void>()

    init(_ instance: ServiceInstance) {
        self.instance = instance
    }

    /// Takes note of what it was told when it registered.
    func note(_ instances: [TutorialService], of service: ServiceName) {
        self.state.withLock { $0.known[service] = Set(instances) }
    }

    /// What it must be told of a service.
    func difference(
        _ now: [TutorialService],
        of service: ServiceName
    ) -> (added: [TutorialService], removed: [TutorialService]) {
        self.state.withLock { state in
            let known = state.known[service] ?? []
            let removed = known.subtracting(now).sorted { $0.address < $1.address }
            return (now.filter { !known.contains($0) }, removed)
        }
    }

    /// Whether it may have been told of this already.
    func isUncertain(_ service: TutorialService) -> Bool {
        self.state.withLock { $0.uncertain.contains(service) }
    }

    /// Takes note that it is being told.
    func begin(_ service: TutorialService) {
        self.state.withLock { _ = $0.uncertain.insert(service) }
    }

    /// Takes note that it knows this now.
    func learn(_ service: TutorialService) {
        self.state.withLock { state in
            state.uncertain.remove(service)
            _ = state.known[service.name, default: []].insert(service)
        }
    }

    /// Takes note that it knows this no longer.
    func forget(_ service: TutorialService) {
        self.state.withLock { _ = $0.known[service.name]?.remove(service) }
    }

    /// Says that there may be something to tell.
    func wake() { self.work.offer((), for: true) }

    /// Ends ``waitForWork()``: another process took its place.
    func stop() { self.work.finish() }

    /// Waits for ``wake()``; false at the end.
    func waitForWork() async -> Bool {
        (try? await self.work.next()) != nil
    }
}
