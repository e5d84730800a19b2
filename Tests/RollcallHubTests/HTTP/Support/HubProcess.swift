import Foundation
import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

/// The real program as a hub: a process that can be killed and stopped.
final class HubProcess: Sendable {
    /// Where the program stands: beside the tests.
    static let program: String? = {
        let places = [CommandLine.arguments[0], "/proc/self/exe"]
        let folders = places.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
        return folders.map { $0.appendingPathComponent("rollcall").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    let port: Int
    private let child: ChildProcess

    private init(_ child: ChildProcess, port: Int) {
        self.child = child
        self.port = port
    }

    deinit {
        self.child.signal(SIGKILL)
    }

    /// Starts `rollcall serve`, with its data in a folder, and waits until it listens.
    static func start(_ folder: TemporaryFolder, port: Int = 0) async throws -> HubProcess {
        let output = folder.path + "/" + UUID().uuidString
        let child = try ChildProcess(
            [
                try #require(Self.program), "serve", "--listen", "127.0.0.1:\(port)", "--data", folder.path + "/data",
                "--output", "json",
            ],
            environment: ProcessInfo.processInfo.environment,
            output: .file(output),
            errors: .file(output + ".errors")
        )
        var text = ""
        try await eventually {
            text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            return text.hasSuffix("\n") || child.hasEnded
        }
        let errors = (try? String(contentsOfFile: output + ".errors", encoding: .utf8)) ?? ""
        let url = try #require(try? JSONTree(json: text.utf8)["url"]?.text, "it said: \(text)\(errors)")
        return HubProcess(child, port: try #require(Int(url.split(separator: ":").last ?? "")))
    }

    /// Runs the program to its end and returns its code and what it said of errors.
    static func run(_ folder: TemporaryFolder, _ arguments: String...) async throws -> (code: Int32?, errors: String) {
        let errors = folder.path + "/" + UUID().uuidString
        let child = try ChildProcess(
            [try #require(Self.program)] + arguments,
            environment: ProcessInfo.processInfo.environment,
            output: .file(errors + ".output"),
            errors: .file(errors)
        )
        let end = await child.wait()
        return (end?.exitCode.rawValue, (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
    }

    /// The memory that it has in RAM, in bytes; Linux only.
    var residentBytes: Int? {
        let status = try? String(contentsOfFile: "/proc/\(self.child.id)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.split { $0 == " " || $0 == "\t" }[1]) }.map { $0 * 1024 }
    }

    /// Makes its writes beyond a size fail from now on, as on a full disk, until it is called with `nil`; Linux only.
    func limitFiles(to bytes: Int?) async throws {
        let limit = bytes.map { "\($0)" } ?? "unlimited"
        let command = ["prlimit", "--pid", "\(self.child.id)", "--fsize=\(limit):"]
        let end = try await ChildProcess(command, environment: ProcessInfo.processInfo.environment).wait()
        #expect(end == .exited(0))
    }

    func signal(_ number: Int32) { self.child.signal(number) }

    /// Waits for its end and returns its code.
    func wait() async -> Int32? { await self.child.wait()?.exitCode.rawValue }

    /// Ends it at once, and waits for that.
    func kill() async {
        self.child.signal(SIGKILL)
        _ = await self.child.wait()
    }
}
