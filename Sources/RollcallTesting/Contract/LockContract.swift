public import Rollcall
import Synchronization

/// What the contract suite needs to know of a backend that has locks, and must be able to do to it.
public protocol LockHarness: Sendable {
    /// What the backend is called in the names of tests.
    var name: String { get }

    /// A time-to-live for locks that are to run out: short, but within what the backend grants.
    var shortTTL: Duration { get }

    /// Makes a new client of the one server that all clients of this harness share. The suite runs it.
    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend

    /// Cuts or restores the way to the server, for all clients.
    func setReachable(_ isReachable: Bool) async throws
}

/// The contract of locks, check by check: C18.
public enum LockContract {
    /// One check of the line: `C18` with a letter.
    public typealias Line = ContractLine<any LockHarness>
}

extension LockContract.Line {
    init(
        _ name: String,
        _ promise: String,
        _ check: @escaping @Sendable (LockContractContext) async throws -> Void
    ) {
        self.init(name, promise, check: check) { harness, namespace in
            LockContractContext(
                harness: harness,
                line: name,
                name: try LockName("nightly"),
                first: try await harness.makeLockBackend(namespace: namespace),
                second: try await harness.makeLockBackend(namespace: namespace)
            )
        }
    }
}

/// One run of one check: two clients of a namespace of its own.
struct LockContractContext: ContractRun {
    let harness: any LockHarness
    let line: String
    let name: LockName
    let first: any LockBackend
    let second: any LockBackend

    var clients: [any Backend] { [self.first, self.second] }

    /// Runs `body` while a task waits for the lock, and then cancels that task.
    func withWaiter(
        through backend: any LockBackend,
        _ body: (LockWaiter) async throws -> Void
    ) async throws {
        let waiter = LockWaiter()
        try await self.alongside(body: { try await body(waiter) }) {
            do throws(BackendError) {
                waiter.end(.success(try await backend.acquire(self.name, ttl: .seconds(60))))
            } catch {
                waiter.end(.failure(error))
            }
        }
    }
}

/// What became of somebody who waited for a lock.
final class LockWaiter: Sendable {
    private let state = Mutex<Result<any LockLease, BackendError>?>(nil)

    var outcome: Result<any LockLease, BackendError>? { self.state.withLock { $0 } }

    func end(_ outcome: Result<any LockLease, BackendError>) { self.state.withLock { $0 = outcome } }
}
