import GRPCEngine
import Rollcall

/// What etcd's errors mean.
///
/// The status alone says too little: the text tells (etcd, `api/v3rpc/rpctypes/error.go`).
enum EtcdFault {
    /// The error as the contract wants it.
    ///
    /// - Parameters:
    ///   - error: What the call ended with.
    ///   - isRead: Whether the call changes nothing.
    /// - Returns: The error, without what was attempted.
    static func backendError(_ error: GRPCError, isRead: Bool) -> BackendError {
        let code = error.isLocal ? self.local(error.status) : self.code(error.status, error.message)
        var fault = BackendError(code, error.message, cause: error.isLocal ? nil : error)
        let isUnclear = error.isLocal || [.unavailable, .timeout, .protocolViolation].contains(code)
        fault.applied =
            error.mayBeApplied && isUnclear && !isRead && !self.refusals.contains(error.message) ? .unknown : .no
        return fault
    }

    /// What a server says before it looks at a request.
    private static let refusals: Set = [
        "etcdserver: no leader", "etcdserver: rpc not supported for learner", "etcdserver: too many requests",
        Self.droppedProposal,
    ]
    /// What a member says whose term as a leader ends in this moment; etcd has no status for it.
    private static let droppedProposal = "raft proposal dropped"
    /// What a leader answers to renewals that cannot prove that it still leads (etcd, `server/lease/lessor.go`).
    private static let formerLessor = "not a primary lessor"

    private static func local(_ status: GRPCStatus) -> BackendError.Code {
        switch status {
        case .unavailable: .unavailable
        case .deadlineExceeded: .timeout
        case .unauthenticated: .unauthenticated
        // Whether the caller's task was cancelled is seen where it runs.
        case .cancelled: .unavailable
        default: .protocolViolation
        }
    }

    private static func code(_ status: GRPCStatus, _ message: String) -> BackendError.Code {
        switch (status, message) {
        case (.notFound, "etcdserver: requested lease not found"): .leaseLost
        case (.invalidArgument, "etcdserver: request is too large"): .tooLarge
        case (.resourceExhausted, "etcdserver: mvcc: database space exceeded"): .unavailable
        case (.resourceExhausted, "etcdserver: too many requests"): .unavailable
        case (.resourceExhausted, _): .tooLarge
        case (.invalidArgument, "etcdserver: authentication failed, invalid user ID or password"): .unauthenticated
        case (.invalidArgument, "etcdserver: user name is empty"): .unauthenticated
        case (.invalidArgument, "etcdserver: revision of auth store is old"): .unavailable
        case (.unauthenticated, _): .unauthenticated
        case (.permissionDenied, _): .permissionDenied
        // The store was compacted, or is another one, between two pages of a list: a new list mends it.
        case (.outOfRange, "etcdserver: mvcc: required revision has been compacted"): .unavailable
        case (.outOfRange, "etcdserver: mvcc: required revision is a future revision"): .unavailable
        case (.unavailable, _), (.aborted, _), (.dataLoss, _): .unavailable
        case (.failedPrecondition, "etcdserver: not leader"), (.failedPrecondition, "etcdserver: not capable"):
            .unavailable
        case (.failedPrecondition, "etcdserver: rpc not supported for learner"): .unavailable
        // etcd 3.4 hands on what its own parts say, without a status.
        case (.deadlineExceeded, _), (.unknown, "context deadline exceeded"): .timeout
        case (.cancelled, _), (.unknown, Self.droppedProposal), (.unknown, "context canceled"),
            (.unknown, Self.formerLessor):
            .unavailable
        case (.unimplemented, _): .unsupported
        case (.invalidArgument, _), (.outOfRange, _), (.failedPrecondition, _): .invalidArgument
        default: .protocolViolation
        }
    }

    /// What a watch that the server refuses means.
    static func refusedWatch(_ reason: String) -> BackendError {
        let code = self.code(reason.contains("permission denied") ? .permissionDenied : .unavailable, reason)
        return BackendError(code, reason.isEmpty ? "etcd refused the watch" : reason, backend: EtcdBackend.name)
    }

    /// Whether the server no longer knows who calls.
    static func asksForNewToken(_ error: GRPCError) -> Bool {
        guard !error.isLocal else { return false }
        return error.message == "etcdserver: invalid auth token" || error.message == "etcdserver: user name is empty"
            || error.message == "etcdserver: revision of auth store is old"
    }

    /// Whether the member knew no leader, and so did not look at what it was asked.
    static func saysThatThereIsNoLeader(_ error: GRPCError) -> Bool {
        !error.isLocal && ["etcdserver: no leader", Self.droppedProposal].contains(error.message)
    }

    /// Whether another member of the cluster may do better.
    static func saysThatServerIsOfNoUse(_ error: GRPCError) -> Bool {
        guard !error.isLocal else { return false }
        return [
            "etcdserver: no leader", "etcdserver: server stopped", "etcdserver: unhealthy cluster",
            "etcdserver: rpc not supported for learner", Self.formerLessor,
        ].contains(error.message)
    }
}
