import Rollcall
import RollcallTesting
import Testing

extension RegistryContractTests {
    /// Every line of the contract on every Consul that is here.
    ///
    /// Lines that do a server no harm share one, each in a namespace of its own and behind a network of its own.
    @Suite(
        "Consul",
        .serialized,
        .sharedConsul,
        .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
    )
    struct ConsulContractTests {
        @Test("registry", .timeLimit(.minutes(5)), arguments: ServerProgram.consul, RegistryContract.lines)
        func registry(_ program: ServerProgram, _ line: RegistryContract.Line) async throws {
            try await ConsulHarness.withConsul(program, alone: line.isExclusive) { try await line.run(on: $0) }
        }

        @Test("configuration", .timeLimit(.minutes(5)), arguments: ServerProgram.consul, ConfigContract.lines)
        func configuration(_ program: ServerProgram, _ line: ConfigContract.Line) async throws {
            try await ConsulHarness.withConsul(program, alone: line.isExclusive) { try await line.run(on: $0) }
        }

        @Test("locks", .timeLimit(.minutes(5)), arguments: ServerProgram.consul, LockContract.lines)
        func locks(_ program: ServerProgram, _ line: LockContract.Line) async throws {
            try await ConsulHarness.withConsul(program, alone: line.isExclusive) { try await line.run(on: $0) }
        }
    }
}
