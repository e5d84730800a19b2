import GRPCEngine
import Rollcall
import Testing

@testable import RollcallEtcd

@Suite("What etcd's errors mean")
struct EtcdFaultTableTests {
    @Test(
        "each is told as what it is, and whether a write may have been carried out",
        arguments: [
            (14, "etcdserver: no leader", .unavailable, .no),
            (14, "etcdserver: leader changed", .unavailable, .unknown),
            (14, "etcdserver: request timed out", .unavailable, .unknown),
            (14, "etcdserver: server stopped", .unavailable, .unknown),
            (2, "not a primary lessor", .unavailable, .unknown),
            (8, "etcdserver: too many requests", .unavailable, .no),
            (8, "etcdserver: mvcc: database space exceeded", .unavailable, .unknown),
            (3, "etcdserver: request is too large", .tooLarge, .no),
            (3, "etcdserver: user name is empty", .unauthenticated, .no),
            (16, "etcdserver: invalid auth token", .unauthenticated, .no),
            (7, "etcdserver: permission denied", .permissionDenied, .no),
            (5, "etcdserver: requested lease not found", .leaseLost, .no),
            (11, "etcdserver: mvcc: required revision has been compacted", .unavailable, .unknown),
            (11, "etcdserver: mvcc: required revision is a future revision", .unavailable, .unknown),
            (9, "etcdserver: rpc not supported for learner", .unavailable, .no),
            (3, "etcdserver: key is not provided", .invalidArgument, .no), (12, "what", .unsupported, .no),
            (2, "raft proposal dropped", .unavailable, .no), (2, "context canceled", .unavailable, .unknown),
            (2, "context deadline exceeded", .timeout, .unknown),
            (2, "anything else", .protocolViolation, .unknown),
        ] as [(Int, String, BackendError.Code, BackendError.Applied)]
    )
    func server(_ status: Int, _ text: String, _ code: BackendError.Code, _ applied: BackendError.Applied) {
        let error = GRPCError(GRPCStatus(status), text, mayBeApplied: true)
        let write = EtcdFault.backendError(error, isRead: false)
        #expect(write.code == code)
        #expect(write.applied == applied)
        #expect(EtcdFault.backendError(error, isRead: true).applied == .no)
    }

    @Test("what happens on this side is unclear where something was sent")
    func local() {
        for (status, code) in [
            (.unavailable, .unavailable), (.deadlineExceeded, .timeout), (.unauthenticated, .unauthenticated),
            (.cancelled, .unavailable), (.internal, .protocolViolation),
        ] as [(GRPCStatus, BackendError.Code)] {
            for wasSent in [true, false] {
                let error = GRPCError(status, "x", isLocal: true, mayBeApplied: wasSent)
                let fault = EtcdFault.backendError(error, isRead: false)
                #expect(fault.code == code)
                #expect(fault.applied == (wasSent ? .unknown : .no))
            }
        }
    }

    @Test("the text of another side counts only as such: what this side says is never taken for etcd's")
    func whoSays() {
        let local = GRPCError(.unavailable, "etcdserver: no leader", isLocal: true)
        #expect(!EtcdFault.saysThatServerIsOfNoUse(local))
        #expect(!EtcdFault.saysThatThereIsNoLeader(local))
        #expect(
            !EtcdFault.asksForNewToken(GRPCError(.unauthenticated, "etcdserver: invalid auth token", isLocal: true))
        )
    }
}
