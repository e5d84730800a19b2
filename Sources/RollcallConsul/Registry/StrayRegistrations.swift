import Synchronization

/// The nonces of registrations of this process of which nobody knows whether they arrived, or still will.
///
/// One that comes late takes the place of the one that counts, and must not be taken for another process's.
final class StrayRegistrations: Sendable {
    /// So many lost answers are no reason to grow: then one may be taken for another's, and runs out.
    private static let maximumCount = 4096

    private let nonces = Mutex<Set<String>>([])

    /// All of them.
    var all: Set<String> { self.nonces.withLock { $0 } }

    /// Whether a nonce is one of them.
    func contains(_ nonce: String) -> Bool { self.nonces.withLock { $0.contains(nonce) } }

    /// Remembers one.
    func note(_ nonce: String) {
        self.nonces.withLock { nonces in
            if nonces.count >= Self.maximumCount { nonces.removeFirst() }
            nonces.insert(nonce)
        }
    }
}
