import Rollcall
import RollcallTesting
import Testing

private enum Newest {
    static let etcd = Array(ServerProgram.etcd.suffix(1))
}

/// Every line of the contract through a hub in front of the newest etcd that is here.
@Suite(
    "Contract of a hub in front of an engine",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(5))
)
struct FrontContractTests {
    @Test("registry", arguments: Newest.etcd, RegistryContract.lines)
    func registry(_ program: ServerProgram, _ line: RegistryContract.Line) async throws {
        try await FrontHarness.withServer(program) { try await line.run(on: $0) }
    }

    @Test("configuration", arguments: Newest.etcd, ConfigContract.lines)
    func configuration(_ program: ServerProgram, _ line: ConfigContract.Line) async throws {
        try await FrontHarness.withServer(program) { try await line.run(on: $0) }
    }

    @Test("locks", arguments: Newest.etcd, LockContract.lines)
    func locks(_ program: ServerProgram, _ line: LockContract.Line) async throws {
        try await FrontHarness.withServer(program) { try await line.run(on: $0) }
    }
}
