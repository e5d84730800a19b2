import Testing

@testable import Rollcall

@Suite("The size of an instance", .timeLimit(.minutes(1)))
struct InstanceSizeTests {
    private static let texts = ["a", "\"\\", "é", "\u{1f}\u{0}\n", String(repeating: "\u{1}", count: 20), "🦊"]

    @Test("what is reckoned is never less than what is written", arguments: 0..<20 as Range<UInt64>)
    func bound(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
        func text() -> String { (0...number(5)).map { _ in Self.texts[number(Self.texts.count)] }.joined() }
        var fields = ServiceInstance.Fields(
            service: .trusting(text()),
            id: .trusting(text()),
            endpoints: [],
            version: number(2) == 0 ? nil : try SemanticVersion("18446744073709551615.1.2-alpha.1+build.7"),
            zone: number(2) == 0 ? nil : text(),
            weight: [0, 1, 65535][number(3)],
            tags: (0..<number(32)).map { _ in text() },
            metadata: [:],
            status: .maintenance,
            requires: (0..<number(32)).map { _ in .trusting(text()) },
            registeredAt: nil
        )
        for _ in 0...number(8) {
            fields.endpoints.append(
                try Endpoint(["http://[2001:db8::1]:65535/a/\"\\é", "unix:///run/web.sock"][number(2)])
            )
        }
        for index in 0..<number(48) { fields.metadata["\(index)" + text()] = text() }
        var writer = JSONWriter()
        fields.write(to: &writer)
        #expect(fields.longestSize >= writer.bytes.count)
    }
}
