import Rollcall
import RollcallTesting
import Testing

/// Every line of the contract on every backend.
///
/// One at a time: some count what the whole process holds.
@Suite("Registry contract", .serialized)
struct RegistryContractTests {
    @Test("memory", .timeLimit(.minutes(5)), arguments: RegistryContract.lines)
    func memory(_ line: RegistryContract.Line) async throws {
        try await line.run(on: MemoryHarness())
    }

    @Test("hub", .timeLimit(.minutes(5)), arguments: RegistryContract.lines)
    func hub(_ line: RegistryContract.Line) async throws {
        try await HubHarness.withHub { try await line.run(on: $0) }
    }

    @Test("hub store", .timeLimit(.minutes(5)), arguments: RegistryContract.lines)
    func hubStore(_ line: RegistryContract.Line) async throws {
        try await line.run(on: HubStoreHarness())
    }
}
