import Rollcall
import RollcallTesting
import Testing

extension RegistryContractTests {
    /// Configuration and locks, one check after the other like all that the process counts.
    @Suite("Configuration and locks", .serialized)
    struct StorageContractTests {
        @Test("memory: configuration", .timeLimit(.minutes(2)), arguments: ConfigContract.lines)
        func memoryConfiguration(_ line: ConfigContract.Line) async throws {
            try await line.run(on: MemoryHarness())
        }

        @Test("memory: locks", .timeLimit(.minutes(2)), arguments: LockContract.lines)
        func memoryLocks(_ line: LockContract.Line) async throws {
            try await line.run(on: MemoryHarness())
        }

        @Test("hub: configuration", .timeLimit(.minutes(2)), arguments: ConfigContract.lines)
        func hubConfiguration(_ line: ConfigContract.Line) async throws {
            try await HubHarness.withHub { try await line.run(on: $0) }
        }

        @Test("hub: locks", .timeLimit(.minutes(2)), arguments: LockContract.lines)
        func hubLocks(_ line: LockContract.Line) async throws {
            try await HubHarness.withHub { try await line.run(on: $0) }
        }
    }
}
