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
        var renewals = EtcdRenewals<Waiter>()
        var nextNumber: UInt64 = 0
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
            guard self.state.withLock({ !$0.renewals.isEmpty }) else { continue }
            var failure = BackendError(.unavailable, "etcd ended the stream of renewals", backend: EtcdBackend.name)
            do throws(BackendError) {
                try await self.client.withStream("Lease/LeaseKeepAlive", "renew", key: nil) {
                    (stream) throws(GRPCError) in try await self.follow(stream)
                }
            } catch {
                failure = error
            }
            self.fail(Task.isCancelled ? Self.notRunning : failure)
        }
        self.fail(Self.notRunning)
    }

    /// Ends the wait of all: what was refused is what the oldest question asked, and the others may ask again.
    private func fail(_ failure: BackendError) {
        let waiters = self.state.withLock { state in
            state.stream = nil
            return state.renewals.takeAll()
        }
        var failure = failure
        failure.operation = "renew"
        // Who is told this was not cancelled himself.
        if failure.code == .cancelled { failure.code = .unavailable }
        var other = failure
        if !RetryTable.allowsRetry(after: failure, isIdempotent: true), failure.code != .notRunning {
            other = BackendError(
                .unavailable,
                "the stream of renewals ended",
                backend: EtcdBackend.name,
                operation: "renew"
            )
        }
        for (place, waiter) in waiters.enumerated() { waiter.resume(returning: .failure(place == 0 ? failure : other)) }
    }

    /// Renews a lease.
    ///
    /// A server that does not answer in time is left for another, which may answer before the lease is over.
    ///
    /// - Parameters:
    ///   - lease: The lease.
    ///   - limit: How long the answer may take; not more than any call, nor less than a second.
    /// - Returns: What was granted.
    /// - Throws: `leaseLost` when it is over; `notRunning` when nobody asked for it in time; what kept the answer from
    ///   coming.
    func renew(_ lease: Int64, within limit: Duration) async throws(BackendError) -> Duration {
        let connection = self.client.channel.connectionNumber
        do throws(BackendError) {
            return try await withDeadline(min(max(limit, .seconds(1)), self.client.timeout), clock: self.client.clock) {
                () async throws(BackendError) in
                try await self.answer(to: lease).get()
            }
        } catch {
            var fault = error
            if fault.code == .timeout { self.client.channel.leaveSilentServer(of: connection) }
            if fault.code == .timeout, !self.client.isRunning() { fault = Self.notRunning }
            (fault.backend, fault.operation) = (EtcdBackend.name, "renew")
            throw fault
        }
    }

    private func answer(to lease: Int64) async -> Result<Duration, BackendError> {
        let number = self.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let (isCancelled, stream) = self.state.withLock { state -> (Bool, GRPCStream?) in
                    guard !Task.isCancelled else { return (true, nil) }
                    state.renewals.ask(lease, number: number, waiter)
                    // Sent under the lock, so that questions go out in the order in which they are noted.
                    state.stream?.send(EtcdLeaseMessages.id(lease))
                    return (false, state.stream)
                }
                if isCancelled { return waiter.resume(returning: .failure(Self.cancelled)) }
                if stream == nil { self.wake.offer((), for: true) }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.renewals.giveUp(lease, number: number) }
            waiter?.resume(returning: .failure(Self.cancelled))
        }
    }

    private func follow(_ stream: GRPCStream) async throws(GRPCError) {
        self.state.withLock { state in
            state.stream = stream
            for lease in state.renewals.begin() { stream.send(EtcdLeaseMessages.id(lease)) }
        }
        while let message = try await stream.next() {
            let (lease, seconds, _) = try EtcdLeaseMessages.granted(message)
            let waiter = self.state.withLock { $0.renewals.answer(lease) }
            waiter?.resume(returning: seconds > 0 ? .success(.seconds(seconds)) : .failure(Self.lost))
        }
    }

    private static let notRunning = BackendError(
        .notRunning,
        "run() of this backend does not run",
        backend: EtcdBackend.name,
        operation: "renew"
    )
    private static let cancelled = BackendError(.cancelled, "the task was cancelled", backend: EtcdBackend.name)
    private static let lost = BackendError(
        .leaseLost,
        "the lease expired or was revoked",
        backend: EtcdBackend.name,
        operation: "renew"
    )
}
