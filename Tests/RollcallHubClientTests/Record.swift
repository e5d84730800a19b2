import Synchronization

/// What happened, in order, from any task.
final class Record: Sendable {
    private let entries = Mutex<[String]>([])

    var all: [String] { self.entries.withLock { $0 } }

    func add(_ entry: String) { self.entries.withLock { $0.append(entry) } }
}
