import GRPCEngine
import HTTPEngine
import Rollcall
import Synchronization

/// The calls of etcd that are used here, with errors as the contract wants them.
final class EtcdClient: Sendable {
    let channel: GRPCChannel
    let timeout: Duration
    let credentials: EtcdBackend.Credentials?
    let token = Mutex<String?>(nil)
    /// The connection whose server knows no users, and so takes everybody.
    let open = Mutex<UInt64?>(nil)
    /// Who asks for a token: each time that costs the server a deliberately slow check of the password.
    let authentication = Turns(1)
    /// How often it was refused, and why the last time: those who waited meanwhile need not be refused one by one.
    let refusal = Mutex<(count: Int, error: BackendError?)>((0, nil))
    let isRunning: @Sendable () -> Bool
    /// What is known of the server behind a connection.
    let loser = Mutex<(connection: UInt64, loses: Bool)?>(nil)

    init(
        channel: GRPCChannel,
        timeout: Duration,
        credentials: EtcdBackend.Credentials?,
        isRunning: @escaping @Sendable () -> Bool
    ) {
        self.channel = channel
        self.timeout = timeout
        self.credentials = credentials
        self.isRunning = isRunning
    }

    var clock: TimeSource { self.channel.clock }

    /// Reads a range of keys.
    func read(_ read: EtcdRead, _ operation: String, key: String?) async throws(BackendError) -> EtcdRecords {
        var writer = ProtobufWriter()
        read.write(to: &writer)
        return try await self.call("KV/Range", writer.bytes, operation, key: key, isRead: true) {
            (message) throws(GRPCError) in try EtcdRecords(message)
        }
    }

    /// Reads a whole prefix, in pages, all of one revision.
    ///
    /// - Parameters:
    ///   - range: The prefix.
    ///   - keysOnly: Whether values are left out.
    ///   - operation: What errors name.
    ///   - key: What errors name.
    /// - Returns: The records in order of their keys, and the head of the first answer.
    /// - Throws: A ``BackendError``.
    func readAll(
        _ range: EtcdRange,
        keysOnly: Bool = false,
        _ operation: String,
        key: String?
    ) async throws(BackendError) -> EtcdRecords {
        var read = EtcdRead(range: range, limit: Self.pageSize, keysOnly: keysOnly)
        var whole = try await self.read(read, operation, key: key)
        var hasMore = whole.hasMore
        while hasMore, let last = whole.records.last {
            read.range = EtcdRange(from: last.key + [0], to: range.end)
            read.revision = whole.header.revision
            let page = try await self.read(read, operation, key: key)
            guard !page.hasMore || !page.records.isEmpty else {
                throw BackendError(
                    .protocolViolation,
                    "a page of a list is empty, and more is to come",
                    backend: EtcdBackend.name,
                    operation: operation,
                    key: key
                )
            }
            whole.records += page.records
            hasMore = page.hasMore
        }
        return whole
    }

    /// What a page may have: a list of any length must not become one message of any length.
    private static let pageSize: Int64 = 1000

    /// Writes a key whatever it held.
    func put(_ put: EtcdPut, _ operation: String, key: String?) async throws(BackendError) {
        var writer = ProtobufWriter()
        put.write(to: &writer)
        try await self.call("KV/Put", writer.bytes, operation, key: key) { _ throws(GRPCError) in }
    }

    /// Takes keys out, and returns how many there were.
    func delete(_ range: EtcdRange, _ operation: String, key: String?) async throws(BackendError) -> Int64 {
        var writer = ProtobufWriter()
        EtcdOperation.write(delete: range, to: &writer)
        return try await self.call("KV/DeleteRange", writer.bytes, operation, key: key) {
            (message) throws(GRPCError) in try EtcdOutcome.deleted(message)
        }
    }

    /// Makes one of two sets of changes at once.
    func transact(
        _ transaction: EtcdTransaction,
        _ operation: String,
        key: String?
    ) async throws(BackendError) -> EtcdOutcome {
        var writer = ProtobufWriter()
        transaction.write(to: &writer)
        return try await self.call("KV/Txn", writer.bytes, operation, key: key) {
            (message) throws(GRPCError) in try EtcdOutcome(message)
        }
    }

    /// Makes a lease.
    ///
    /// - Parameters:
    ///   - ttl: How long it lasts; whole seconds are granted.
    ///   - operation: What errors name.
    ///   - key: What errors name.
    /// - Returns: The lease and what was granted, which may be more.
    /// - Throws: A ``BackendError``.
    func grantLease(
        _ ttl: Duration,
        _ operation: String,
        key: String?
    ) async throws(BackendError) -> (id: Int64, ttl: Duration) {
        let message = EtcdLeaseMessages.grant(seconds: ttl.wholeSecondsRoundedUp)
        let granted = try await self.call("Lease/LeaseGrant", message, operation, key: key) {
            (message) throws(GRPCError) in try EtcdLeaseMessages.granted(message)
        }
        // Zero would be no lease, and what stands on it would never end.
        guard granted.id != 0, granted.seconds > 0 else {
            let message = "etcd granted the lease \(granted.id) for \(granted.seconds) s"
            throw BackendError(.protocolViolation, message, backend: EtcdBackend.name, operation: operation, key: key)
        }
        return (granted.id, .seconds(granted.seconds))
    }

    /// Ends a lease and takes its keys out; nothing happens for one that is over.
    func revokeLease(_ lease: Int64, _ operation: String, key: String?) async throws(BackendError) {
        do throws(BackendError) {
            try await self.call("Lease/LeaseRevoke", EtcdLeaseMessages.id(lease), operation, key: key) {
                _ throws(GRPCError) in
            }
        } catch {
            guard error.code != .leaseLost else { return }
            throw error
        }
    }

    /// How long a lease lasts still and what was granted; `nil` for one that is over.
    func timeToLive(
        of lease: Int64,
        _ operation: String,
        key: String?
    ) async throws(BackendError) -> (left: Duration, granted: Duration)? {
        let message = EtcdLeaseMessages.id(lease)
        let answer = try await self.call("Lease/LeaseTimeToLive", message, operation, key: key, isRead: true) {
            (message) throws(GRPCError) in try EtcdLeaseMessages.granted(message)
        }
        return answer.seconds > 0 ? (.seconds(answer.seconds), .seconds(answer.granted)) : nil
    }

    /// What the member that is connected to says of itself.
    func status() async throws(BackendError) -> EtcdStatus {
        try await self.call("Maintenance/Status", [], "health", key: nil, isRead: true, needsLeader: false) {
            (message) throws(GRPCError) in try EtcdStatus(message)
        }
    }

    /// The members of the cluster.
    func members() async throws(BackendError) -> [EtcdMember] {
        try await self.call("Cluster/MemberList", [], "health", key: nil, isRead: true, needsLeader: false) {
            (message) throws(GRPCError) in try EtcdMember.list(message)
        }
    }

    private func call<Value: Sendable>(
        _ method: String,
        _ message: [UInt8],
        _ operation: String,
        key: String?,
        isRead: Bool = false,
        needsLeader: Bool = true,
        _ read: (ArraySlice<UInt8>) throws(GRPCError) -> Value
    ) async throws(BackendError) -> Value {
        let deadline = self.clock.now.advanced(by: self.timeout)
        var isSecond = false
        var pause = Self.firstPause
        while true {
            let token = try await self.currentToken(until: deadline)
            let connection = self.channel.connectionNumber
            do throws(GRPCError) {
                let answer = try await self.channel.call(
                    "/etcdserverpb.\(method)",
                    message,
                    metadata: Self.metadata(token, needsLeader: needsLeader),
                    until: deadline
                )
                return try Self.success(answer, read)
            } catch {
                if EtcdFault.asksForNewToken(error), self.credentials != nil, !isSecond {
                    isSecond = true
                    self.forget(token)
                    continue
                }
                if error.isLocal, error.status == .deadlineExceeded {
                    self.channel.leaveSilentServer(of: connection)
                }
                let fault = self.backendError(error, on: connection, operation, key, isRead: isRead)
                // Nobody looked at it: another member may have a leader, and all of them have one again soon.
                guard EtcdFault.saysThatThereIsNoLeader(error), self.clock.now.advanced(by: pause) < deadline,
                    (try? await self.clock.sleep(for: pause)) != nil
                else { throw fault }
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    private static func success<Value>(
        _ answer: ArraySlice<UInt8>,
        _ read: (ArraySlice<UInt8>) throws(GRPCError) -> Value
    ) throws(GRPCError) -> Value {
        do throws(GRPCError) {
            return try read(answer)
        } catch {
            // It was a success, of which no more is known.
            var fault = error
            fault.mayBeApplied = true
            throw fault
        }
    }

    /// How long a call waits that met a member without a leader.
    private static let firstPause = Duration.milliseconds(50)

    func backendError(
        _ error: GRPCError,
        on connection: UInt64,
        _ operation: String,
        _ key: String?,
        isRead: Bool
    ) -> BackendError {
        if EtcdFault.saysThatServerIsOfNoUse(error) { self.channel.leaveServer(of: connection) }
        var fault = EtcdFault.backendError(error, isRead: isRead)
        if error == .notRunning, !self.isRunning() { fault.code = .notRunning }
        if Task.isCancelled, error.isLocal { fault.code = .cancelled }
        fault.backend = EtcdBackend.name
        fault.operation = operation
        fault.key = key
        return fault
    }
}
