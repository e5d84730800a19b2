import Rollcall
import RollcallTesting
import Synchronization

/// Clients that write and read configuration through a backend, and all that they saw.
final class ConfigTrial: Sendable {
    private let state = Mutex((operations: [ConfigOperation](), next: 0))
    private let clock = TimeSource()

    var operations: [ConfigOperation] { self.state.withLock { $0.operations } }

    /// How many writes were acknowledged.
    var acknowledged: Int {
        self.operations.count { if case .write(_, _, .some) = $0.kind { true } else { false } }
    }

    /// Reads a key and takes note of it.
    @discardableResult
    func read(_ key: ConfigKey, through backend: any ConfigBackend) async throws(BackendError) -> ConfigEntry? {
        let began = self.clock.now
        let entry = try await backend.entry(for: key)
        self.note(ConfigOperation(key, .read(entry), began: began, ended: self.clock.now))
        return entry
    }

    /// Writes something that was never written, and takes note of what came of it.
    func write(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation,
        through backend: any ConfigBackend
    ) async {
        let number = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        let content = ConfigContent("{\"number\":\(number)}", format: .json)
        let began = self.clock.now
        let kind: ConfigOperation.Kind
        do throws(BackendError) {
            let entry = try await backend.write(ConfigDraft(content), to: key, expecting: expectation)
            kind = .write(content, expecting: expectation, entry)
        } catch {
            switch (error.code, error.applied) {
            case (.conflict, .no): kind = .refused(expecting: expectation)
            case (_, .unknown): kind = .write(content, expecting: expectation, nil)
            default: return
            }
        }
        self.note(ConfigOperation(key, kind, began: began, ended: self.clock.now))
    }

    /// Writes and reads some keys, half of the writes upon what was read, until the task is cancelled.
    func work(_ keys: [ConfigKey], seed: UInt64, through backend: any ConfigBackend) async {
        var generator = SplitMix64(seed: seed)
        while !Task.isCancelled {
            let key = keys[Int(generator.next() % UInt64(keys.count))]
            switch generator.next() % 4 {
            case 0: await self.write(key, expecting: .any, through: backend)
            case 1: _ = try? await self.read(key, through: backend)
            default:
                guard let entry = try? await self.read(key, through: backend) else { continue }
                await self.write(key, expecting: .revision(entry.revision), through: backend)
            }
        }
    }

    private func note(_ operation: ConfigOperation) {
        self.state.withLock { $0.operations.append(operation) }
    }
}
