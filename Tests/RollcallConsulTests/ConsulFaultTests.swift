import HTTPEngine
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Errors of Consul")
struct ConsulFaultTests {
    @Test(
        "status and text say what it is",
        arguments: [
            (400, "Request decode failed: x", BackendError.Code.invalidArgument), (401, "", .unauthenticated),
            (403, "Permission denied: token with AccessorID 'a1' lacks permission 'key:read'", .permissionDenied),
            (403, "ACL not found", .unauthenticated), (403, "", .permissionDenied),
            (403, "Permission denied: anonymous token lacks permission 'service:write'", .unauthenticated),
            (
                403, "Permission denied: token with AccessorID '00000000-0000-0000-0000-000000000002' lacks",
                .unauthenticated
            ),
            (404, "Unknown check ID \"x\"", .notFound), (405, "", .protocolViolation), (413, "", .tooLarge),
            (429, "Your IP is issuing too many concurrent connections", .unavailable), (503, "", .unavailable),
            (500, "No cluster leader", .unavailable), (500, "rpc error making call: EOF", .unavailable),
            (500, "rpc error making call: Permission denied", .permissionDenied),
            (500, "rpc error making call: ACL not found", .unauthenticated),
            (500, "Unknown check \"x\"", .notFound), (500, "CheckID \"x\" does not have associated TTL", .notFound),
            (500, "Unknown service \"x\"", .notFound), (500, "invalid session \"x\"", .leaseLost),
            (500, "Invalid Session TTL '1000000000', must be between [10s=24h0m0s]", .invalidArgument),
            (301, "", .protocolViolation), (502, "<html>", .unavailable),
        ]
    )
    func codes(_ status: Int, _ text: String, _ code: BackendError.Code) {
        let error = ConsulFault.error(status: status, body: Array(text.utf8), mayBeApplied: true)
        #expect(error.code == code)
        #expect(error.message.contains("\(status)"))
    }

    @Test("what certainly was not done is told from what may have been")
    func applied() {
        func applied(_ status: Int, _ text: String, changes: Bool = true) -> BackendError.Applied {
            ConsulFault.error(status: status, body: Array(text.utf8), mayBeApplied: changes).applied
        }
        #expect(applied(500, "rpc error making call: EOF") == .unknown)
        #expect(applied(500, "rpc error making call: EOF", changes: false) == .no)
        #expect(applied(500, "No cluster leader") == .no)
        #expect(applied(429, "") == .no)
        #expect(applied(403, "Permission denied") == .no)
        #expect(applied(400, "x") == .no)
    }

    @Test("how long to leave Consul alone")
    func retryAfter() {
        func pause(_ status: Int, _ field: String?) -> Duration? {
            ConsulFault.error(status: status, body: [], retryAfter: field, mayBeApplied: false).retryAfter
        }
        #expect(pause(503, "7") == .seconds(7))
        #expect(pause(429, nil) == .seconds(1))
        #expect(pause(500, nil) == nil)
        #expect(pause(503, "-1") == nil && pause(503, "soon") == nil && pause(503, "99999999999999999999") == nil)
        #expect(pause(400, "7") == nil)
    }

    @Test("a text is shown in one short line")
    func text() {
        let body = Array((String(repeating: "é\u{1b}x", count: 500) + "\nsecond").utf8) + [0xFF]
        let text = ConsulFault.text(of: body)
        #expect(text.utf8.count <= 400 && !text.contains("\u{1b}") && !text.contains("second"))
        #expect(ConsulFault.text(of: Array("first\nsecond".utf8)) == "first")
    }

    @Test("a broken connection after a change leaves open whether it was made")
    func connections() {
        for (kind, code, applied) in [
            (ConnectionError.Kind.refused, BackendError.Code.unavailable, BackendError.Applied.no),
            (.timeout, .timeout, .unknown), (.broken, .unavailable, .unknown),
            (.malformed, .protocolViolation, .unknown),
        ] {
            let error = ConsulFault.error(of: ConnectionError(kind, "x"), mayHaveArrived: true)
            #expect(error.code == code && error.applied == applied)
            #expect(ConsulFault.error(of: ConnectionError(kind, "x"), mayHaveArrived: false).applied == .no)
        }
    }
}
