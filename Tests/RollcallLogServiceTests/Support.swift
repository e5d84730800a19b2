import Foundation
import HTTPEngine
import Rollcall
import RollcallLogService
import RollcallService

/// A folder that is there for one test, with a log in it.
final class LogFolder: Sendable {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "rollcall-log-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var log: String { self.path + "/services.log" }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: self.path).sorted() }
    }

    func lines(of number: Int? = nil) throws -> [String] {
        let path = self.log + (number.map { ".\($0)" } ?? "")
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }
}

/// Sends one request and returns status, body and head.
func fetch(
    _ target: String,
    at endpoint: Endpoint,
    method: String = "GET",
    body: [UInt8] = [],
    fields: [Problem.Header] = []
) async throws -> (status: Int, body: String, head: ResponseHead) {
    let request = HTTPClient.Request(method, target, at: try Origin(endpoint), fields: fields, body: body)
    let response = try await HTTPClient().send(request, within: .seconds(10))
    return (response.status, String(decoding: response.body, as: UTF8.self), response.head)
}

func post(_ target: String, _ body: String, at endpoint: Endpoint) async throws -> (status: Int, body: String) {
    let answer = try await fetch(target, at: endpoint, method: "POST", body: Array(body.utf8))
    return (answer.status, answer.body)
}

/// Runs a service until `body` returns.
func withRunner<Value: Sendable>(
    _ runner: ServiceRunner,
    _ body: @escaping @Sendable (Endpoint) async throws -> Value
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
        let value = try await body(runner.endpoints[0])
        runner.beginShutdown()
        try await group.waitForAll()
        return value
    }
}

/// A configuration whose drain is short.
var quickly: ServiceRunnerConfiguration {
    ServiceRunnerConfiguration(registrar: RegistrarConfiguration(drain: .milliseconds(20)))
}

/// Runs a log service on a backend of its own.
func withLogService(
    _ configure: (inout LogServiceConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (RollcallClient, Endpoint, LogFolder) async throws -> Void
) async throws {
    let folder = try LogFolder()
    var configuration = LogServiceConfiguration(path: folder.log)
    configure(&configuration)
    let service = try LogService(configuration)
    try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
        try await withRunner(service.runner(client: client, port: 0, configuration: quickly)) { endpoint in
            try await body(client, endpoint, folder)
        }
    }
}
