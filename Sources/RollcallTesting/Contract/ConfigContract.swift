public import Rollcall
import Synchronization

/// What the contract suite needs to know of a backend that stores configuration, and must be able to do to it.
public protocol ConfigHarness: Sendable {
    /// What the backend is called in the names of tests.
    var name: String { get }

    /// Makes a new client of the one server that all clients of this harness share. The suite runs it.
    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend

    /// Cuts or restores the way to the server, for all clients.
    func setReachable(_ isReachable: Bool) async throws
}

/// The contract of dynamic configuration, line by line: C15 to C17.
public enum ConfigContract {
    /// One line of the contract: `C15` to `C17`, with a letter where a line has several checks.
    public typealias Line = ContractLine<any ConfigHarness>

    /// All lines.
    public static let lines: [Line] = Self.writingLines + Self.watchingLines + Self.historyLines
}

extension ConfigContract.Line {
    init(
        _ name: String,
        _ promise: String,
        _ check: @escaping @Sendable (ConfigContractContext) async throws -> Void
    ) {
        self.init(name, promise, check: check) { harness, namespace in
            ConfigContractContext(
                harness: harness,
                line: name,
                first: try await harness.makeConfigBackend(namespace: namespace),
                second: try await harness.makeConfigBackend(namespace: namespace)
            )
        }
    }
}

/// One run of one line: two clients of a namespace of its own.
struct ConfigContractContext: ContractRun {
    let harness: any ConfigHarness
    let line: String
    let first: any ConfigBackend
    let second: any ConfigBackend

    var clients: [any Backend] { [self.first, self.second] }

    /// A key.
    func key(_ text: String = "shop/limits") throws -> ConfigKey { try ConfigKey(text) }

    /// A draft of a text.
    func draft(_ text: String, version: Int64? = nil) -> ConfigDraft {
        ConfigDraft(ConfigContent(text), version: version)
    }

    /// Records what a watch delivers for as long as `body` runs.
    func watching<Value>(
        _ key: ConfigKey,
        through backend: any ConfigBackend,
        _ body: (ConfigRecorder) async throws -> Value
    ) async throws -> Value {
        let recorder = ConfigRecorder()
        return try await self.alongside(body: { try await body(recorder) }) {
            do throws(BackendError) {
                try await backend.watch(key) { recorder.record($0) }
            } catch {
                recorder.end(error)
            }
        }
    }
}

/// What one watch delivered so far.
final class ConfigRecorder: Sendable {
    private let state = Mutex((states: [ConfigState](), end: BackendError?.none))

    /// All states, in the order in which they came.
    var states: [ConfigState] { self.state.withLock { $0.states } }

    /// The versions that were delivered; 0 for nothing.
    var versions: [Int64] {
        self.states.map { state in
            if case .present(let entry) = state { entry.version } else { 0 }
        }
    }

    /// The text that was delivered last.
    var text: String? {
        guard case .present(let entry)? = self.states.last else { return nil }
        return entry.content.text
    }

    func record(_ state: ConfigState) { self.state.withLock { $0.states.append(state) } }

    func end(_ error: BackendError) { self.state.withLock { $0.end = error } }
}
