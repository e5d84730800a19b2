import Rollcall
import RollcallTesting
import Testing

@Suite("Programs that run to their end", .timeLimit(.minutes(1)))
struct ProgramRunTests {
    @Test("it tells what was said and how it ended")
    func status() async throws {
        let run = try await ProgramRun.of(
            ["/bin/sh", "-c", "echo \"$WORD\"; echo err >&2; exit 3"],
            environment: ["WORD": "out"]
        )
        #expect(run.status == 3)
        #expect(run.output == "out\nerr\n")
        let killed = try await ProgramRun.of(["/bin/sh", "-c", "kill -9 $$"])
        #expect(killed.status == nil)
    }

    @Test("what takes too long is killed, and what is not there is told")
    func failures() async {
        let late = await #expect(throws: BackendError.self) {
            _ = try await ProgramRun.of(["/bin/sh", "-c", "exec sleep 60"], within: .milliseconds(200))
        }
        #expect(late?.code == .timeout)
        let missing = await #expect(throws: BackendError.self) { _ = try await ProgramRun.of(["/no/such/program"]) }
        #expect(missing?.code == .unavailable)
    }
}
