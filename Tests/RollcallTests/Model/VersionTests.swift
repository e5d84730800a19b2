import Rollcall
import Testing

@Suite("Versions", .timeLimit(.minutes(1)))
struct VersionTests {
    @Test("versions are in the order of semver.org, rule 11")
    func order() throws {
        let texts = [
            "0.0.1", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
            "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+build", "1.0.1", "1.10.0", "2.0.0",
        ]
        let versions = try texts.map { try SemanticVersion($0) }
        #expect(versions.shuffled().sorted() == versions)
        #expect(versions.map(\.description) == texts)
    }

    @Test(
        "short forms are completed",
        arguments: [("1", "1.0.0"), ("v1.2", "1.2.0"), ("0", "0.0.0"), ("1-rc", "1.0.0-rc")]
    )
    func completing(_ text: String, _ full: String) throws {
        #expect(try SemanticVersion(text).description == full)
    }

    @Test(
        "what is no version is refused",
        arguments: [
            "", "v", "1.", ".1", "1..2", "1.2.3.4", "01.2", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3-ü",
            "a",
            "-1", "1 ", "99999999999999999999", String(repeating: "1", count: 200),
            "1-" + String(repeating: "a", count: 126),
        ]
    )
    func refusing(_ text: String) {
        let error = #expect(throws: ValidationError.self) { try SemanticVersion(text) }
        #expect(error?.field == "version")
    }

    @Test(
        "ranges",
        arguments: [
            ("^1.2", "1.2.0", true), ("^1.2", "1.9.9", true), ("^1.2", "2.0.0", false), ("^1.2", "1.1.9", false),
            ("^1.2", "2.0.0-rc.1", false), ("^1.2", "1.3.0-rc.1", true), ("^0.2", "0.2.9", true),
            ("^0.2", "0.3.0", false), ("^0.2.3", "0.2.2", false), ("^0.0.3", "0.0.3", true), ("^0.0.3", "0.0.4", false),
            ("^0", "0.9.0", true), ("^0", "1.0.0", false), ("~1.2.3", "1.2.9", true), ("~1.2.3", "1.3.0", false),
            ("~1", "1.9.0", true), ("~1", "2.0.0", false), ("1.2.3", "1.2.3", true), ("1.2.3", "1.2.3+b", true),
            ("=1.2.3", "1.2.4", false), (">=1.2 <2", "1.5.0", true), (">=1.2 <2", "2.0.0", false),
            (">1.2", "1.2.0", false), ("<=2", "2.0.0", true), ("<=2", "2.0.1", false), ("*", "0.0.1-a", true),
            (">=1 >=1.5", "1.4.0", false), ("<3 <2", "2.5.0", false), (">1 >=1", "1.0.0", false),
        ]
    )
    func ranges(_ range: String, _ version: String, _ isInside: Bool) throws {
        #expect(try VersionRange(range).contains(SemanticVersion(version)) == isInside)
    }

    @Test("what is no range is refused", arguments: ["", " ", "^", "^x", ">", "1 2 x"])
    func refusingRanges(_ text: String) {
        #expect(throws: ValidationError.self) { try VersionRange(text) }
    }
}
