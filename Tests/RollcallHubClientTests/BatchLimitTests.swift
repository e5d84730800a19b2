import Rollcall
import RollcallHubClient
import RollcallTesting
import Testing

@Suite("Limits of a batch")
struct BatchLimitTests {
    @Test(
        "too many changes, and too many bytes in all, are told before anything is sent",
        arguments: [(1025, 1), (20, 1 << 20)]
    )
    func limits(_ count: Int, _ size: Int) async throws {
        // Nobody is there to refuse it.
        let backend = try HubBackend(url: "hub://127.0.0.1:\(try RefusingPort.reserve())")
        let content = ConfigContent(bytes: [UInt8](repeating: 0x61, count: size), format: .plain)
        let changes = try (0..<count).map { ConfigChange(try ConfigKey("key-\($0)"), .write(ConfigDraft(content))) }
        let error = await #expect(throws: BackendError.self) { _ = try await backend.apply(changes) }
        #expect(error?.code == .tooLarge)
        #expect(error?.limit == (count > 1024 ? 1024 : 16 << 20))
    }
}
