import HTTPEngine
public import Rollcall

/// Prints lines to the log service that discovery finds, and waits until they are in its file.
///
/// For a program that logs all the time, ``LogShipper`` is what never waits.
public struct LogClient: Sendable {
    let discovery: Discovery
    let service: ServiceName
    let poster: LogPoster
    private let sender: String?

    /// Creates a client; nothing is looked up yet.
    ///
    /// - Parameters:
    ///   - discovery: Finds the service. Whoever owns it runs it.
    ///   - service: The name of the log service; `log` by default.
    ///   - sender: Who speaks; by default the service takes the address.
    ///   - timeout: How long one call may take.
    /// - Throws: `unavailable` when the process has no descriptor left.
    public init(
        discovery: Discovery,
        service: ServiceName = LogService.name,
        sender: String? = nil,
        timeout: Duration = .seconds(5)
    ) throws(BackendError) {
        self.discovery = discovery
        self.service = service
        self.sender = sender
        self.poster = LogPoster(client: try HTTPClient(), timeout: timeout)
    }

    /// Prints a message, as one line.
    ///
    /// Another instance is tried when one cannot be connected to. A message whose answer was lost is not repeated.
    ///
    /// - Parameters:
    ///   - message: What to print.
    ///   - level: How much it matters.
    /// - Throws: `notFound` when there is no log service; `timeout` or `unavailable` when it does not answer; the code
    ///   that it names when it refuses.
    public func print(_ message: String, level: Log.Level = .info) async throws(BackendError) {
        var fields = [Problem.Header("Rollcall-Level", level.name)]
        if let sender = self.sender { fields.append(Problem.Header("Rollcall-Sender", sender)) }
        try await self.withInstance { (instance) throws(BackendError) in
            try await self.poster.post(
                "/log",
                "text/plain; charset=utf-8",
                Array(message.utf8),
                fields: fields,
                to: instance
            )
        }
    }

    /// Calls an instance, and another one when that certainly did nothing.
    func withInstance(_ body: (ServiceInstance) async throws(BackendError) -> Void) async throws(BackendError) {
        // Not waiting for an instance: whoever prints wants to know at once that nobody listens.
        _ = try await self.discovery.snapshot(of: self.service, within: self.poster.timeout)
        _ = try self.discovery.pick(self.service)
        let isRetryable = { (error: any Error) in
            (error as? BackendError).map { $0.code == .unavailable && $0.cause != nil && $0.applied == .no } ?? false
        }
        do {
            try await self.discovery.withInstance(of: self.service, attempts: 3, retryingIf: isRetryable) { instance in
                try await body(instance)
            }
        } catch let error as BackendError {
            throw error
        } catch {
            throw BackendError(.protocolViolation, "\(error)", operation: "log", cause: error)
        }
    }
}
