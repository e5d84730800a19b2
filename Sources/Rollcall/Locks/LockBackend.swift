/// The contract of locks: one holder at a time, told apart by tokens that only rise.
///
/// The line C18 of the contract is proved on every backend by the suite in `RollcallTesting`.
public protocol LockBackend: Backend {
    /// Waits until nobody else holds a lock, and takes it.
    ///
    /// Cancelling leaves nothing behind: neither a place in the queue nor the lock.
    ///
    /// - Parameters:
    ///   - name: The lock.
    ///   - ttl: How long the lock outlives its last renewal. Clamped to what the backend grants.
    /// - Returns: The right to hold it.
    /// - Throws: A ``BackendError``; `cancelled` when the task is cancelled.
    func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease

    /// Who holds a lock now; `nil` for nobody.
    func holder(of name: LockName) async throws(BackendError) -> LockHolder?
}

/// The right to hold a lock.
public protocol LockLease: Sendable {
    /// The lock.
    var name: LockName { get }

    /// A number above that of every holder before, to be sent along with each request that the lock protects, so that
    /// whoever is asked can refuse one that comes late from a former holder.
    var token: UInt64 { get }

    /// The time-to-live that the backend granted.
    var ttl: Duration { get }

    /// Renews once; for those who keep time themselves.
    ///
    /// - Throws: `leaseLost` when the lock is not held any more; a ``BackendError`` that may pass.
    func renew() async throws(BackendError)

    /// Renews in time, for as long as the lock is held.
    ///
    /// - Throws: `leaseLost` when it is not any more, at the latest when its time-to-live is over without an answer of
    ///   the backend; `closed` after ``release()``; `cancelled` with the task.
    func keepAlive() async throws(BackendError) -> Never

    /// Lets others have the lock. May be called again.
    func release() async throws(BackendError)
}

/// Who holds a lock.
public struct LockHolder: Hashable, Sendable {
    /// The holder's token.
    public let token: UInt64
    /// How many wait for the lock, where the backend knows.
    public let waiting: Int?

    /// Creates a description.
    public init(token: UInt64, waiting: Int? = nil) {
        self.token = token
        self.waiting = waiting
    }
}
