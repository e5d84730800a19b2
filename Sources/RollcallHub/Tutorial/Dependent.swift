import Rollcall
import Synchronization

/// A program that is told of the services it needs: what it knows, and that there is something to tell.
final class Dependent: Sendable {
    let instance: ServiceInstance
    let told = Mutex(ToldServices())
    /// Raised once another process took its place: from then on it is told nothing.
    let stopped = Signal()
    /// Raised once nothing that it was told is under way any more.
    let ended = Signal()
    private let work = KeyedMailbox<Bool, Void>()

    init(_ instance: ServiceInstance) {
        self.instance = instance
    }

    /// Says that there may be something to tell.
    func wake() { self.work.offer((), for: true) }

    /// Ends ``waitForWork()``: another process took its place.
    func stop() {
        self.stopped.raise()
        self.work.finish()
    }

    /// Waits for ``wake()``; false at the end.
    func waitForWork() async -> Bool {
        // What it was woken for before it was stopped is still in the mailbox.
        (try? await self.work.next()) != nil && !self.stopped.isRaised
    }
}

/// The programs that are told of services, and which services matter to them, as a value.
struct DependentTable {
    private var dependents: [ProgramKey: Dependent] = [:]
    /// How many are, or need, a service: most changes are of none of them.
    private var counts: [ServiceName: Int] = [:]

    /// All of them.
    var all: [Dependent] { Array(self.dependents.values) }

    /// Whether a change of a service matters to any.
    func isConcerned(by service: ServiceName) -> Bool { self.counts[service] != nil }

    /// Those to whom a change of a service matters.
    func concerned(by service: ServiceName) -> [Dependent] {
        self.dependents.values.filter { Self.services(of: $0).contains(service) }
    }

    /// Adds a program.
    ///
    /// - Returns: The one whose place it takes.
    mutating func insert(_ dependent: Dependent) -> Dependent? {
        let former = self.dependents.updateValue(dependent, forKey: ProgramKey(dependent.instance))
        for service in Self.services(of: dependent) { self.counts[service, default: 0] += 1 }
        if let former { self.discount(former) }
        return former
    }

    /// Takes a program off, unless another one has its place.
    mutating func remove(_ dependent: Dependent) {
        let key = ProgramKey(dependent.instance)
        guard self.dependents[key] === dependent else { return }
        self.dependents[key] = nil
        self.discount(dependent)
    }

    private mutating func discount(_ dependent: Dependent) {
        for service in Self.services(of: dependent) {
            let rest = (self.counts[service] ?? 0) - 1
            self.counts[service] = rest > 0 ? rest : nil
        }
    }

    private static func services(of dependent: Dependent) -> Set<ServiceName> {
        Set([dependent.instance.service] + dependent.instance.requires)
    }
}
