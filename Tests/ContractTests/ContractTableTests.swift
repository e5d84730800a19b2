import Foundation
import Rollcall
import RollcallConsul
import RollcallEtcd
import RollcallHubClient
import RollcallTesting
import Testing

@Suite("The table of the contract's lines")
struct ContractTableTests {
    private static let start = "<!-- The table is written by ContractTableTests with ROLLCALL_WRITE_DOCS=1. -->\n"
    private static let end = "<!-- End of the table. -->"

    @Test("it is in the documentation as the suite and the drivers have it")
    func documented() throws {
        let table = ContractTable([
            .init(
                "memory",
                MemoryBackend(),
                notes: ["C18a": "after its time-to-live", "C19": "nobody connects to it", "C20": "writes nothing"]
            ),
            .init(
                "hub",
                try HubBackend(url: "hub://a"),
                notes: [
                    "C18a": "after its time-to-live",
                    "C19": "nobody is asked for credentials yet, so that it listens on loopback alone",
                ]
            ),
            .init(
                "etcd",
                try EtcdBackend(url: "etcd://a"),
                notes: [
                    "C10": "holds; before 3.4.31 and 3.5.13, which lose events, within 30 s (`verifiedWatch`)",
                    "C18a": "after its time-to-live and up to 3 s",
                ]
            ),
            .init(
                "Consul",
                try ConsulBackend(url: "consul://a"),
                notes: [
                    "C13": "holds; questions about keys and names stay with the agent until their `wait` is over",
                    "C18a": "after at most twice its time-to-live and the lock delay",
                ]
            ),
        ])
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let page = folder.deletingLastPathComponent().appendingPathComponent("docs/backends.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let parts = text.components(separatedBy: Self.start)
        try #require(parts.count == 2)
        let rest = parts[1].components(separatedBy: Self.end)
        try #require(rest.count == 2)
        if ProcessInfo.processInfo.environment["ROLLCALL_WRITE_DOCS"] != nil {
            try (parts[0] + Self.start + table.markdown + Self.end + rest[1])
                .write(to: page, atomically: true, encoding: .utf8)
        } else {
            #expect(rest[0] == table.markdown)
        }
    }
}
