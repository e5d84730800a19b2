import Synchronization

/// Counts by name, from many tasks at once.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    var all: [String: Int] { self.counts.withLock { $0 } }

    subscript(name: String) -> Int { self.counts.withLock { $0[name] ?? 0 } }

    func add(_ name: String) {
        self.counts.withLock { $0[name, default: 0] += 1 }
    }
}
