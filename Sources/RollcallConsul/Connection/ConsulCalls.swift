import HTTPEngine
import Rollcall
import Synchronization

/// One call of Consul's API.
struct ConsulCall: Sendable {
    /// Who is asked.
    enum Place: Sendable {
        /// The agent that registrations belong to: always the first.
        case agent
        /// Any agent that answers: what it says is the cluster's.
        case cluster
    }

    var method = "GET"
    var path: String
    /// What errors name.
    var operation: String
    /// What errors name.
    var key: String?
    var query: [(String, String)] = []
    var body: [UInt8] = []
    var place = Place.cluster
    /// Whether it renews a lease, or tells whether that can be done, for which others do not make it wait.
    var isRenewal = false
    /// Statuses besides those of success that are an answer and no failure.
    var accepted: Set<Int> = []
    /// How long it may take; by default as long as any call.
    var limit: Duration?
    /// The most bytes of the answer.
    var maximumBytes = 64 << 20

    /// Whether it waits for a change of what was read before.
    var isWaiting: Bool { self.query.contains { $0.0 == "wait" } }

    /// Whether it changes something.
    var changes: Bool { self.method != "GET" }
}

/// Calls of Consul's API, with errors as the contract wants them.
final class ConsulCalls: Sendable {
    /// Who has a connection, of at most so many.
    struct Lanes: Sendable {
        /// Renewals have some of their own, so that nothing makes them late.
        let renewals = Turns(3)
        let others = Turns(5)
    }

    let client: HTTPClient
    private let origins: [Origin]
    private let parameters: [(String, String)]
    private let datacenter: String?
    private let pathPrefix: String
    private let credentials: CredentialStore
    private let timeout: Duration
    private let lanes: Lanes?
    /// The agent that answered last.
    private let preferred = Atomic(0)

    /// Creates calls.
    ///
    /// - Parameters:
    ///   - client: Sends them.
    ///   - url: Where they go.
    ///   - namespace: The namespace that all calls name, on Consul Enterprise.
    ///   - credentials: Who the driver is.
    ///   - lanes: How many calls are made at a time; `nil` for as many as there are.
    init(
        client: HTTPClient,
        url: ConsulURL,
        namespace: Namespace?,
        credentials: CredentialStore,
        lanes: Lanes? = nil
    ) {
        self.client = client
        self.origins = url.origins
        self.datacenter = url.configuration.datacenter
        self.pathPrefix = url.configuration.pathPrefix
        self.timeout = url.configuration.timeout
        self.credentials = credentials
        self.lanes = lanes
        var parameters: [(String, String)] = []
        if let namespace { parameters.append(("ns", namespace.text)) }
        if let partition = url.configuration.partition { parameters.append(("partition", partition)) }
        self.parameters = parameters
    }

    /// The path and query of a call.
    func target(_ call: ConsulCall) -> String {
        var items = self.parameters + call.query
        // An agent is of one datacenter, and has no other.
        if call.place == .cluster, let datacenter { items.insert(("dc", datacenter), at: 0) }
        let path = self.pathPrefix + call.path
        guard !items.isEmpty else { return path }
        let query = items.map { $1.isEmpty ? $0 : "\($0)=\(PercentEncoding.encode($1))" }
        return path + "?" + query.joined(separator: "&")
    }

    /// Makes a call and returns its answer, if that is one of success or accepted.
    ///
    /// - Parameter call: The call.
    /// - Returns: The answer.
    /// - Throws: A ``BackendError``.
    func send(_ call: ConsulCall) async throws(BackendError) -> HTTPClient.Response {
        do throws(BackendError) {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            let response = try await self.inTurn(call)
            guard !(200..<300).contains(response.status), !call.accepted.contains(response.status) else {
                return response
            }
            let error = ConsulFault.error(
                status: response.status,
                body: response.body,
                retryAfter: response.head.fields.first("retry-after"),
                mayBeApplied: call.changes
            )
            if error.code == .unauthenticated { self.credentials.distrust() }
            throw error
        } catch {
            throw Self.placing(error, call.operation, call.key)
        }
    }

    private func inTurn(_ call: ConsulCall) async throws(BackendError) -> HTTPClient.Response {
        guard let turns = call.isRenewal ? self.lanes?.renewals : self.lanes?.others else {
            return try await self.deliver(call)
        }
        try await turns.take(within: min(call.limit ?? self.timeout, self.timeout), clock: self.client.clock)
        defer { turns.give() }
        return try await self.deliver(call)
    }

    private func deliver(_ call: ConsulCall) async throws(BackendError) -> HTTPClient.Response {
        let fields = try self.credentials.fields()
        let clock = self.client.clock
        let deadline = clock.now.advanced(by: call.limit ?? self.timeout)
        let count = call.place == .agent ? 1 : self.origins.count
        let first = call.place == .agent ? 0 : self.preferred.load(ordering: .relaxed)
        var attempt = 0
        while true {
            let index = (first + attempt) % self.origins.count
            // A question that waits is answered late by whomever it is asked; a change that was not answered is asked of
            // nobody else.
            let left = clock.now.duration(to: deadline)
            let whole = call.isWaiting ? call.limit ?? left : left
            let share = call.isWaiting || call.changes ? whole : left / (count - attempt)
            let request = HTTPClient.Request(
                call.method,
                self.target(call),
                at: self.origins[index],
                fields: fields,
                body: call.body
            )
            do throws(ConnectionError) {
                let response = try await self.client.send(request, within: share, limit: call.maximumBytes)
                if Self.isOfNoUse(response.status), !call.changes, attempt + 1 < count {
                    attempt += 1
                    continue
                }
                if index != first, call.place == .cluster { self.preferred.store(index, ordering: .relaxed) }
                return response
            } catch {
                attempt += 1
                // Only what cannot have been done may be asked of another.
                guard attempt < count, !Task.isCancelled, error.kind == .refused || !call.changes else {
                    throw ConsulFault.error(of: error, mayHaveArrived: call.changes)
                }
            }
        }
    }

    /// Whether an agent says that it cannot tell, so that another one may: it is cut off from its servers, or has too much to
    /// do.
    private static func isOfNoUse(_ status: Int) -> Bool { status == 429 || status >= 500 }

    /// Reads an answer, which is at fault if that fails.
    ///
    /// - Parameters:
    ///   - operation: What errors name.
    ///   - key: What errors name.
    ///   - mayBeApplied: Whether it is the answer to a change.
    ///   - read: Reads it.
    /// - Returns: What `read` returns.
    /// - Throws: `protocolViolation` with what `read` throws.
    static func reading<Value>(
        _ operation: String,
        _ key: String?,
        mayBeApplied: Bool = false,
        _ read: () throws(ValidationError) -> Value
    ) throws(BackendError) -> Value {
        do throws(ValidationError) {
            return try read()
        } catch {
            var fault = BackendError(.protocolViolation, "Consul's answer cannot be read", cause: error)
            if mayBeApplied { fault.applied = .unknown }
            throw self.placing(fault, operation, key)
        }
    }

    private static func placing(_ error: BackendError, _ operation: String, _ key: String?) -> BackendError {
        var error = error
        error.backend = ConsulBackend.name
        error.operation = error.operation ?? operation
        error.key = error.key ?? key
        return error
    }
}

extension HTTPClient.Response {
    /// The index for a blocking query; `nil` where none is named.
    var consulIndex: UInt64? { self.head.fields.first("x-consul-index").flatMap { UInt64($0) } }

    /// Whether something was left out of the answer because the token may not see it.
    var isFiltered: Bool { self.head.fields.first("x-consul-results-filtered-by-acls") == "true" }
}
