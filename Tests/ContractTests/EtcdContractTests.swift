import Rollcall
import RollcallTesting
import Testing

/// Every line of the contract on every version of etcd that is here.
@Suite(
    "etcd contract",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(5))
)
struct EtcdContractTests {
    @Test("registry", arguments: ServerProgram.etcd, RegistryContract.lines)
    func registry(_ program: ServerProgram, _ line: RegistryContract.Line) async throws {
        try await EtcdHarness.withServer(program) { try await line.run(on: $0) }
    }

    @Test("configuration", arguments: ServerProgram.etcd, ConfigContract.lines)
    func configuration(_ program: ServerProgram, _ line: ConfigContract.Line) async throws {
        try await EtcdHarness.withServer(program) { try await line.run(on: $0) }
    }

    @Test("locks", arguments: ServerProgram.etcd, LockContract.lines)
    func locks(_ program: ServerProgram, _ line: LockContract.Line) async throws {
        try await EtcdHarness.withServer(program) { try await line.run(on: $0) }
    }
}
