import Foundation
import RollcallProgram
import RollcallTesting
import Testing

@Suite("The demonstration", .timeLimit(.minutes(2)), .enabled(if: Built.path != nil, "it is not built here"))
struct RealDemoTests {
    private static func start(_ folder: TemporaryFolder, _ arguments: String...) throws -> ChildProcess {
        let own = ["ROLLCALL_NAMESPACE": "elsewhere", "ROLLCALL_TTL": "1h", "TMPDIR": folder.path]
        return try ChildProcess(
            [try #require(Built.path), "demo"] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(own) { _, new in new },
            output: .file(folder.path + "/out"),
            errors: .file(folder.path + "/errors")
        )
    }

    /// The processes that a demonstration started, by the address of its hub on their command lines; Linux only.
    private static func services(of hub: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return false
            }
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.contains("hello") && words.contains(hub)
        }
    }

    private static func hub(_ folder: TemporaryFolder) -> String {
        let line = folder.read("out").split(separator: "\n").first ?? ""
        let url = line.split(separator: " ").first { $0.hasPrefix("http://") } ?? ""
        return "hub" + url.dropFirst(4)
    }

    @Test("what is set for another registry does not disturb it")
    func environment() async throws {
        let folder = try TemporaryFolder()
        let child = try Self.start(folder, "--exit")
        #expect(await child.wait() == .exited(0), "\(folder.read("out"))\(folder.read("errors"))")
        #expect(folder.read("out").contains("no request failed"))
    }

    @Test("interrupted again and again, or killed, it leaves no process behind", arguments: [true, false])
    func end(_ isKilled: Bool) async throws {
        let folder = try TemporaryFolder()
        let child = try Self.start(folder)
        try await eventually {
            // The first of the two is killed soon.
            guard folder.read("out").contains("200 requests") else { return false }
            return try !Self.services(of: Self.hub(folder)).isEmpty
        }
        let hub = Self.hub(folder)
        if isKilled {
            child.signal(SIGKILL)
        } else {
            while !child.hasEnded {
                child.signal(SIGTERM)
                await Task.yield()
            }
        }
        _ = await child.wait()
        try await eventually { try Self.services(of: hub).isEmpty }
        guard !isKilled else { return }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!left.contains { $0.hasPrefix("rollcall-demo") })
    }
}
