import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// What is too large for one request is refused before it is sent, and what is said to fit is taken by real servers.
@Suite(
    "Sizes of etcd's requests",
    .timeLimit(.minutes(1)),
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd)))
)
struct EtcdSizeTests {
    private static func content(_ count: Int, _ character: String = "x") -> ConfigDraft {
        ConfigDraft(ConfigContent(String(repeating: character, count: count)))
    }

    @Test("a batch, and a text that grows as JSON", arguments: ServerProgram.etcd)
    func sizes(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort) { backend in
                let keys = try (0..<3).map { try ConfigKey("k\($0)") }
                // Each fits by itself, two of them do not.
                let changes = keys.prefix(2).map { ConfigChange($0, .write(Self.content(1 << 20))) }
                let error = await #expect(throws: BackendError.self) { _ = try await backend.apply(changes) }
                #expect(error?.code == .tooLarge)
                #expect(error?.limit == EtcdBackend.maximumRequestBytes)
                #expect(try await backend.keys(under: "").isEmpty)
                // As much as is said to fit.
                let most = (EtcdBackend.maximumRequestBytes - 3 * 512) / 3
                let entries = try await backend.apply(keys.map { ConfigChange($0, .write(Self.content(most))) })
                #expect(entries.count == 3)
            }
            let configuration = EtcdBackend.Configuration(layout: .goServiceLink)
            try await withEtcd(port: server.clientPort, configuration) { backend in
                let key = try ConfigKey("config/db")
                // Each takes six bytes as JSON.
                let error = await #expect(throws: BackendError.self) {
                    _ = try await backend.write(Self.content(300_000, "\u{1}"), to: key, expecting: .any)
                }
                #expect(error?.code == .tooLarge)
                #expect(error?.key == "config/db")
                _ = try await backend.write(Self.content(200_000, "\u{1}"), to: key, expecting: .any)
            }
        }
    }
}
