import HTTPEngine
import Rollcall
import Testing

@testable import RollcallHubClient

@Suite("URLs of hubs", .serialized)
struct HubURLTests {
    @Test(
        "what names a hub",
        arguments: [
            ("hub://127.0.0.1:20000", "127.0.0.1", 20000), ("hub://127.0.0.1", "127.0.0.1", 20000),
            ("hub://127.0.0.1/", "127.0.0.1", 20000), ("http://localhost:1", "localhost", 1),
            ("hub://hub.example:65535/", "hub.example", 65535), ("hub://[::1]:7", "::1", 7),
            ("hub://[::1]", "::1", 20000),
            ("hub://[2001:db8::1]/", "2001:db8::1", 20000),
        ]
    )
    func good(_ url: String, _ host: String, _ port: Int) throws {
        #expect(try HubBackend(url: url).calls.origins.all == [Origin(host: host, port: port)])
    }

    @Test(
        "what does not",
        arguments: [
            "", "hub", "hub:", "hub://", "hub:///", "hub://:1", "https://127.0.0.1:1", "HUB://127.0.0.1", "memory:",
            "127.0.0.1:20000", "hub://a:0", "hub://a:65536", "hub://a:-1", "hub://a:b", "hub://a:", "hub://a:1:2",
            "hub://a/path", "hub://a:1/path", "hub://a?x=1", "hub://a#x", "hub://user@a", "hub://user:word@a:1",
            "hub://[::1", "hub://::1", "hub://[::1]x", "hub://a b", "hub://a\u{0}", "hub://a\r\nHost: b", " hub://a",
        ]
    )
    func bad(_ url: String) {
        let error = #expect(throws: BackendError.self) { try HubBackend(url: url) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.backend == "hub")
        #expect(error?.message.contains("hub://127.0.0.1:20000") == true)
    }

    @Test("a password in a URL that is refused is not shown")
    func password() {
        let error = #expect(throws: BackendError.self) { try HubBackend(url: "hub://ann:open/sesame@a:1") }
        #expect(error?.message.contains("hub://…@a:1") == true)
        #expect(error.map { "\($0)".contains("sesame") } == false)
    }

    @Test("names are percent-encoded, and the namespace is sent where it is not the default one")
    func targets() throws {
        let path = HubCalls.path(try ServiceName("a/b ö"), try InstanceID("%?#"))
        #expect(path == "/v1/services/a%2Fb%20%C3%B6/instances/%25%3F%23")
        let plain = try HubBackend(url: "hub://a").calls
        #expect(plain.target("/p") == "/p")
        #expect(plain.target("/p", [("ttl", "1s")]) == "/p?ttl=1s")
        let other = try HubBackend(url: "hub://a", namespace: Namespace("x&y")).calls
        #expect(other.target("/p") == "/p?ns=x%26y")
        #expect(other.target("/p", [("ttl", "1s")]) == "/p?ns=x%26y&ttl=1s")
    }
}
