import Foundation
import Rollcall
import RollcallHub
import RollcallProgram
import Testing

/// Runs a hub for as long as `body` runs, which is given its URL.
func withHub(_ body: (String) async throws -> Void) async throws {
    let hub = try HubServer(HubServer.Configuration(port: 0))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await hub.run() }
        defer { group.cancelAll() }
        try await body("hub://127.0.0.1:\(hub.port)")
    }
}

/// A program of the examples in a process of its own, which ends with this value at the latest.
final class ExampleProcess: Sendable {
    private let folder = NSTemporaryDirectory() + "rollcall-example-" + UUID().uuidString
    private let child: ChildProcess

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - command: The name of a program that the build made, or the path of one; then its arguments.
    ///   - variables: What its environment has beside ours.
    /// - Throws: Why it does not start.
    init(_ command: [String], variables: [String: String] = [:]) throws {
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        let program = try #require(command.first)
        self.child = try ChildProcess(
            [program.contains("/") ? program : try Self.built(program)] + command.dropFirst(),
            environment: ProcessInfo.processInfo.environment.merging(variables) { _, new in new },
            output: .file(self.folder + "/output"),
            errors: .file(self.folder + "/errors")
        )
    }

    deinit {
        self.child.signal(SIGKILL)
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    /// What it wrote to standard output so far.
    var output: String { self.read("output") }
    /// What it wrote to standard error so far.
    var errors: String { self.read("errors") }

    /// Sends it a signal.
    func signal(_ number: Int32) { self.child.signal(number) }

    /// Waits for its end.
    func end() async throws -> ProcessEnd { try #require(await self.child.wait()) }

    /// The path of a program that the build made: beside the tests, wherever those are.
    static func built(_ name: String) throws -> String {
        let places = [CommandLine.arguments[0], "/proc/self/exe"]
        let folders = places.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
        let paths = folders.map { $0.appendingPathComponent(name).path }
        return try #require(paths.first { FileManager.default.isExecutableFile(atPath: $0) }, "\(name) is not built")
    }

    private func read(_ name: String) -> String {
        (try? String(contentsOfFile: self.folder + "/" + name, encoding: .utf8)) ?? ""
    }
}

/// Files of the repository.
enum Repository {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The path of a file.
    static func path(_ name: String) -> String { self.root.appendingPathComponent(name).path }

    /// What a file holds.
    static func read(_ name: String) throws -> String { try String(contentsOfFile: self.path(name), encoding: .utf8) }

    /// The lines of the blocks of a document that are in a language, without their indentation.
    static func blocks(of language: String, in name: String) throws -> [[String]] {
        var blocks: [[String]] = []
        var block: [String]?
        for line in self.lines(try self.read(name)) {
            if line == "```" + language {
                block = []
            } else if line.hasPrefix("```") {
                if let block { blocks.append(block) }
                block = nil
            } else {
                block?.append(line)
            }
        }
        return blocks
    }

    /// The lines of a text that are not empty, without their indentation.
    static func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
