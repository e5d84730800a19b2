package import HTTPEngine
public import Rollcall
public import RollcallService

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Takes lines from services and keeps them in a file: `POST /log` for one, `POST /logs` for many, `GET /logs` to read.
///
/// A request is answered with 200 only once its lines are in the file. It asks nobody for credentials: sender, level
/// and time are what the caller says they are.
public final class LogService: Sendable {
    /// The name that it registers under.
    public static let name = ServiceName.trusting("log")

    let configuration: LogServiceConfiguration
    let file: LogFile
    let clock = TimeSource()
    /// Reading the past takes a processor and the disk.
    let scans = Places(4, "search the log")
    /// What was found takes memory until its reader has it.
    let answers = Places(16, "are being sent what was found in the log")
    private let log: Log

    /// Opens the file.
    ///
    /// - Parameter configuration: How to behave.
    /// - Throws: `invalidArgument` for limits that make no sense; `unavailable` when the file cannot be used.
    public init(_ configuration: LogServiceConfiguration = LogServiceConfiguration()) throws(BackendError) {
        do throws(ValidationError) {
            try configuration.check()
        } catch {
            throw BackendError(error)
        }
        self.configuration = configuration
        self.log = configuration.log.component("log")
        do throws(LogFileError) {
            self.file = try LogFile(
                path: configuration.path,
                prefix: configuration.prefix,
                maximumBytes: configuration.maximumFileBytes,
                rotatedFiles: configuration.rotatedFiles
            )
        } catch {
            throw BackendError(.unavailable, error.description, operation: "open the log")
        }
    }

    /// Makes what runs it, as the service `log`.
    ///
    /// - Parameters:
    ///   - client: Where to register. Whoever owns it runs it.
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`.
    ///   - configuration: How to behave.
    /// - Returns: The runner.
    public func runner(
        client: RollcallClient,
        host: String = "127.0.0.1",
        port: Int = 20002,
        advertisedHost: String? = nil,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration()
    ) -> ServiceRunner {
        ServiceRunner(
            service: Self.name,
            client: client,
            configuration: configuration,
            host: host,
            port: port,
            advertisedHost: advertisedHost
        ) { try await self.answer($0) }
    }

    /// Answers a request.
    ///
    /// - Parameter exchange: The request.
    /// - Throws: What becomes a problem.
    package func answer(_ exchange: HTTPExchange) async throws {
        switch (exchange.head.path, exchange.head.method) {
        case ("/log", "POST"): try await self.takeOne(exchange)
        case ("/logs", "POST"): try await self.takeBatch(exchange)
        case ("/logs", "GET"), ("/logs", "HEAD"): try await self.read(exchange)
        case ("/log", let method): throw Self.refusal(of: method, allowed: "POST")
        case ("/logs", let method): throw Self.refusal(of: method, allowed: "GET, HEAD, POST")
        case (let path, _):
            throw Problem(status: 404, code: .notFound, "there is no \(String(path).quotedForDisplay) here")
        }
    }

    /// Milliseconds since 1970.
    static var now: Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }

    /// Puts lines into the file.
    ///
    /// - Throws: A ``Problem`` with 507 when there is no space and 500 for other faults; then none of them is there.
    func append(_ lines: [LogLine]) throws(Problem) {
        do throws(LogFileError) {
            try self.file.append(lines)
        } catch {
            self.log(.error, "\(lines.count) lines were refused: \(error)")
            throw Problem(status: error.isFull ? 507 : 500, code: .unavailable, "nothing was logged: \(error)")
        }
    }

    private static func refusal(of method: String, allowed: String) -> Problem {
        Problem(
            status: 405,
            code: .unsupported,
            "\(method.quotedForDisplay) is not a method of this address",
            headers: [Problem.Header("Allow", allowed)]
        )
    }
}
