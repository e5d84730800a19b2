import GRPCEngine
import Rollcall
import Synchronization

/// Renews leases, all over one stream.
///
/// A renewal is a small message each way, told apart by the lease's id. The stream is opened when the first renewal wants
/// it, and again after it broke.
final class EtcdLeaseKeeper: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Duration, BackendError>, Never>

    private struct State {
        var stream: GRPCStream?
        /// Who waits for the answer to a renewal, by lease and a number of his own.
        var waiters: [Int64: [UInt64: Waiter]] = [:]
        var nextWaiter: UInt64 = 0

        mutating func takeAll() -> [Waiter] {
            self.stream = nil
            defer { self.waiters = [:] }
            return self.waiters.values.flatMap(\.values)
        }
    }

    private let client: EtcdClient
    private let log: Log
    private let state = Mutex(State())
    private let wake = KeyedMailbox<Bool, Void>()

    init(client: EtcdClient, log: Log) {
        self.client = client
        self.log = log
    }

    /// Keeps the stream until the task is cancelled.
    func run() async {
        while (try? await self.wake.next()) != nil {
            guard self.state.withLock({ !$0.waiters.isEmpty }) else { continue }
            var failure = BackendError(.unavailable, "etcd ended the stream of renewals", backend: EtcdBackend.name)
            failure.operation = "renew"
            do throws(BackendError) {
                try await self.client.withStream("Lease/LeaseKeepAlive", "renew", key: nil) {
                    (stream) throws(GRPCError) in try await self.follow(stream)
                }
            } catch {
                failure = error
            }
            for waiter in self.state.withLock({ $0.takeAll() }) { waiter.resume(returning: .failure(failure)) }
        }
    }

    /// Renews a lease.
    ///
    /// - Parameter lease: The lease.
    /// - Returns: What was granted.
    /// - Throws: `leaseLost` when it is over; what kept the answer from coming.
    func renew(_ lease: Int64) async throws(BackendError) -> Duration {
        try await withDeadline(self.client.timeout, clock: self.client.clock) { () async throws(BackendError) in
            try await self.answer(to: lease).get()
        }
    }

    private func answer(to lease: Int64) async -> Result<Duration, BackendError> {
        let number = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let (isCancelled, stream) = self.state.withLock { state -> (Bool, GRPCStream?) in
                    guard !Task.isCancelled else { return (true, nil) }
                    state.waiters[lease, default: [:]][number] = waiter
                    return (false, state.stream)
                }
                if isCancelled { return waiter.resume(returning: .failure(Self.cancelled)) }
                if let stream {
                    stream.send(EtcdLeaseMessages.id(lease))
                } else {
                    self.wake.offer((), for: true)
                }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.waiters[lease]?.removeValue(forKey: number) }
            waiter?.resume(returning: .failure(Self.cancelled))
        }
    }

    private func follow(_ stream: GRPCStream) async throws(GRPCError) {
        let leases = self.state.withLock { state in
            state.stream = stream
            return Array(state.waiters.keys)
        }
        for lease in leases { stream.send(EtcdLeaseMessages.id(lease)) }
        while let message = try await stream.next() {
            let (lease, seconds, _) = try EtcdLeaseMessages.granted(message)
            let waiters = self.state.withLock { $0.waiters.removeValue(forKey: lease) } ?? [:]
            let result: Result<Duration, BackendError> = seconds > 0 ? .success(.seconds(seconds)) : .failure(Self.lost)
            for waiter in waiters.values { waiter.resume(returning: result) }
        }
    }

    private static let cancelled = BackendError(.cancelled, "the task was cancelled", backend: EtcdBackend.name)
    private static let lost = BackendError(
        .leaseLost,
        "the lease expired or was revoked",
        backend: EtcdBackend.name,
        operation: "renew"
    )
}
