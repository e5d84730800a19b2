import HTTPEngine
import Rollcall
import RollcallService
import Synchronization

/// What happened, in order, from any task.
final class Record: Sendable {
    private let entries = Mutex<[String]>([])

    var all: [String] { self.entries.withLock { $0 } }

    func add(_ entry: String) { self.entries.withLock { $0.append(entry) } }
}

/// Adds each log line to a record.
func log(into record: Record, minimum: Log.Level = .debug) -> Log {
    Log(minimum: minimum) { record.add("\($0) \($1): \($2)") }
}

/// Sends one request and returns status and body.
func fetch(
    _ target: String,
    at endpoint: Endpoint,
    method: String = "GET",
    body: String = ""
) async throws -> (status: Int, body: String, head: ResponseHead) {
    let request = HTTPClient.Request(method, target, at: try Origin(endpoint), body: Array(body.utf8))
    let response = try await HTTPClient().send(request, within: .seconds(10))
    return (response.status, String(decoding: response.body, as: UTF8.self), response.head)
}

/// Runs a runner until `body` returns, and then throws what its run throws.
func withRunner<Value: Sendable>(
    _ runner: ServiceRunner,
    _ body: @escaping @Sendable (ServiceRunner) async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await runner.run() }
        defer { runner.beginShutdown() }
        do {
            try await runner.waitUntilRegistered()
        } catch {
            // Why it ended says more.
            try await group.next()
            throw error
        }
        let value = try await body(runner)
        runner.beginShutdown()
        try await group.waitForAll()
        return value
    }
}

/// A configuration whose drain is short.
func quickly(
    requires: [ServiceName] = [],
    requirements: ServiceRunnerConfiguration.RequirementPolicy = .warn,
    log: Log = .silent
) -> ServiceRunnerConfiguration {
    ServiceRunnerConfiguration(
        requires: requires,
        requirements: requirements,
        registrar: RegistrarConfiguration(drain: .milliseconds(20)),
        log: log
    )
}
