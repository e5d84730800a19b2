import Foundation
import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

@Suite("Locks on the command line", .timeLimit(.minutes(1)))
struct LockCommandTests {
    @Test("the command runs while the lock is held, knows its token, and its status is passed on")
    func holding() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        let name = try LockName("nightly")
        let script = "echo $ROLLCALL_FENCING_TOKEN > \(folder.path)/token; exit 7"
        let code = await bench.run("lock", "nightly", "--", "sh", "-c", script)
        #expect(code.rawValue == 7)
        #expect(folder.read("token") == "1\n")
        #expect(try await bench.backend.holder(of: name) == nil)
        #expect(await bench.run("lock", "nightly", "--", folder.path + "/nothing") == .commandNotFound)
        #expect(try await bench.backend.holder(of: name) == nil)
    }

    @Test("a lock that somebody else holds is a conflict once the wait is over")
    func waiting() async throws {
        let bench = Workbench()
        _ = try await bench.backend.acquire(LockName("nightly"), ttl: .seconds(60))
        #expect(await bench.run("lock", "nightly", "--wait", "50ms", "--", "true") == .conflict)
        #expect(bench.errors.text.contains(#"somebody else held "nightly""#))
    }

    @Test("a command whose lock is lost is ended")
    func loss() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        let script =
            "trap 'echo ended > \(folder.path)/end; exit' TERM; touch \(folder.path)/begun; while :; do sleep 0.05; done"
        let code = try await bench.running("lock nightly --ttl 300ms", script: script) {
            try await eventually { FileManager.default.fileExists(atPath: folder.path + "/begun") }
            bench.registry.setReachable(false)
            try await eventually { folder.read("end") == "ended\n" }
            bench.registry.setReachable(true)
        }
        #expect(code == .conflict)
    }

    @Test("who is elected runs the command, and another takes over when it ends")
    func election() async throws {
        let folder = try TemporaryFolder()
        let first = Workbench()
        let second = Workbench(sharing: first)
        let script =
            "echo $ROLLCALL_FENCING_TOKEN >> \(folder.path)/terms; while [ ! -e \(folder.path)/go ]; do sleep 0.02; done"
        let code = try await first.running("elect scheduler", script: script) {
            try await eventually { folder.read("terms") == "1\n" }
            let other = try await second.running("elect scheduler", script: script) {
                try await eventually {
                    try await first.backend.holder(of: LockName("scheduler"))?.waiting == 1
                }
                try Data().write(to: URL(filePath: folder.path + "/go"))
            }
            #expect(other == .done)
        }
        #expect(code == .done)
        #expect(folder.read("terms") == "1\n2\n")
    }

    @Test("without a command it says when it leads, until it is interrupted")
    func announcing() async throws {
        let bench = Workbench()
        let code = try await bench.running("elect scheduler --output json") {
            try await eventually { bench.output.lines == [#"{"name":"scheduler","leading":true,"token":1}"#] }
            bench.signals.deliver(.interrupt)
        }
        #expect(code == .interrupted)
    }
}
