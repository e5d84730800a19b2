import GRPCEngine
import HTTPEngine
import Rollcall
import Synchronization

// Who calls is told by a token, which is asked for once and again when the server has forgotten it.
extension EtcdClient {
    /// What a call carries beside its message.
    ///
    /// - Parameters:
    ///   - token: Who calls.
    ///   - needsLeader: Whether a member that knows no leader is to say so at once: it would be silent, a stream for ever.
    /// - Returns: The fields.
    static func metadata(_ token: String?, needsLeader: Bool) -> [HTTP2Field] {
        (token.map { [HTTP2Field("token", $0)] } ?? []) + (needsLeader ? [HTTP2Field("hasleader", "true")] : [])
    }

    func forget(_ token: String?) {
        self.token.withLock { current in
            // Another call may have a new one by now.
            if current == token { current = nil }
        }
        if token == nil { self.open.withLock { $0 = nil } }
    }

    func currentToken(until deadline: TimeSource.Instant) async throws(BackendError) -> String? {
        guard let credentials = self.credentials else { return nil }
        if let caller = self.caller { return caller.token }
        let refusals = self.refusal.withLock { $0.count }
        do throws(BackendError) {
            try await self.authentication.take(within: self.clock.now.duration(to: deadline), clock: self.clock)
        } catch {
            throw self.placed(error)
        }
        defer { self.authentication.give() }
        // Who waited finds what another asked for.
        if let caller = self.caller { return caller.token }
        if let error = self.refusal.withLock({ $0.count > refusals ? $0.error : nil }) { throw error }
        let connection = self.channel.connectionNumber
        let message = EtcdAuthMessages.authenticate(user: credentials.user, password: credentials.password)
        do throws(GRPCError) {
            let answer = try await self.channel.call(
                "/etcdserverpb.Auth/Authenticate",
                message,
                metadata: Self.metadata(nil, needsLeader: true),
                until: deadline
            )
            let token = try EtcdAuthMessages.token(answer)
            self.token.withLock { $0 = token }
            return token
        } catch {
            // A server that knows no users takes everybody.
            if error.message.contains("authentication is not enabled") {
                self.open.withLock { $0 = self.channel.connectionNumber }
                return nil
            }
            let fault = self.backendError(error, on: connection, "authenticate", nil, isRead: true)
            if fault.code == .unauthenticated || fault.code == .permissionDenied {
                self.refusal.withLock { $0 = ($0.count + 1, fault) }
            }
            throw fault
        }
    }

    private func placed(_ error: BackendError) -> BackendError {
        var error = error
        (error.backend, error.operation) = (EtcdBackend.name, "authenticate")
        return error
    }

    /// As whom calls are made.
    private struct Caller {
        /// `nil` for nobody.
        let token: String?
    }

    /// As whom calls are made; `nil` while that must be asked.
    private var caller: Caller? {
        if let token = self.token.withLock({ $0 }) { return Caller(token: token) }
        return self.open.withLock { $0 } == self.channel.connectionNumber ? Caller(token: nil) : nil
    }
}
