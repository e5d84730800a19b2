import Foundation
import HTTPEngine
import Testing

@testable import RollcallHub

@Suite("Console", .timeLimit(.minutes(1)))
struct ConsoleTests {
    @Test("the page is served with headers that let it do no more than it must", arguments: ["GET", "HEAD"])
    func served(_ method: String) async throws {
        let hub = try HubServer(HubServer.Configuration(port: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            let origin = Origin(host: "127.0.0.1", port: hub.port)
            let request = HTTPClient.Request(method, "/", at: origin)
            let response = try await HTTPClient().send(request, within: .seconds(10))
            await hub.shutDown(within: .seconds(5))
            let fields = response.head.fields
            #expect(response.status == 200)
            #expect(fields.first("content-type") == "text/html; charset=utf-8")
            #expect(fields.first("x-content-type-options") == "nosniff")
            #expect(fields.first("referrer-policy") == "no-referrer")
            #expect(fields.first("cache-control") == "no-store")
            #expect(fields.count(of: "content-security-policy") == 1)
            let policy = try #require(fields.first("content-security-policy"))
            #expect(policy.hasPrefix("default-src 'none'; "))
            #expect(policy.contains("; connect-src 'self'; "))
            #expect(policy.contains("; frame-ancestors 'none'; "))
            #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("http"))
            #expect(response.body == (method == "HEAD" ? [] : PackageResources.console_html))
        }
    }

    @Test(
        "the policy's hashes are those of the page's one script and one style",
        arguments: [("script", ConsolePage.scriptHash), ("style", ConsolePage.styleHash)]
    )
    func hashes(of tag: String, _ hash: String) throws {
        let parts = Self.page.components(separatedBy: "<\(tag)>")
        #expect(parts.count == 2)
        #expect(!Self.page.contains("<\(tag) "))
        let text = try #require(parts.last?.components(separatedBy: "</\(tag)>").first)
        let digits = Array(SHA256.hexadecimal(text))
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(digits[index...index + 1]), radix: 16)
        }
        let right = Data(bytes).base64EncodedString()
        #expect(hash == right, "ConsolePage.\(tag)Hash must be \(right)")
    }

    @Test("the page refers to nothing outside of it")
    func references() {
        let attribute = #/(?i)\b(?:src|srcset|href|action|poster|data|ping)\s*=\s*["']?([^"'\s>]+)/#
        for match in Self.markup.matches(of: attribute) {
            let target = String(match.1)
            #expect(target.hasPrefix("#") || target.hasPrefix("data:"), "\(target)")
        }
        for text in ["http://", "https://", "\"//", "'//", "(//", "url(", "@import", "<iframe", "<object", "<base"] {
            #expect(!Self.page.contains(text), "\(text)")
        }
    }

    @Test(
        "the page sets what it is told as text, never as markup or code",
        arguments: [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser",
            "createContextualFragment", "setHTML", "srcdoc", "import(",
        ]
    )
    func text(_ sink: String) {
        #expect(!Self.page.contains(sink))
    }

    @Test("the page has no inline handlers and styles, which its policy would not let work")
    func inline() {
        #expect(Self.markup.firstMatch(of: #/(?i)<[^>]*\s(?:on[a-z]+|style)\s*=/#) == nil)
    }

    private static var page: String { String(decoding: PackageResources.console_html, as: UTF8.self) }

    /// The page without its script and style.
    private static var markup: String {
        Self.page
            .replacing(#/(?s)<script>.*?</script>/#, with: "")
            .replacing(#/(?s)<style>.*?</style>/#, with: "")
    }
}
