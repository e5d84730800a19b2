import RollcallTesting
import Testing

@testable import Rollcall

/// The table of M-9.2, row by row, and what a validator's answer means (M-9.4).
@Suite("Rules of a sync")
struct ConfigRulesTests {
    private let bench: ManagerBench
    private let now = TimeSource.Instant(elapsed: .zero)

    init() throws {
        self.bench = try ManagerBench()
    }

    private func own(_ text: String?, version: Int64 = 0, sawDeletion: Bool = false) -> ConfigRules.Own {
        ConfigRules.Own(edition: self.item(text, version).edition(at: self.now), sawDeletion: sawDeletion)
    }

    private func item(_ text: String?, _ version: Int64 = 0) -> ConfigItem {
        self.bench.item(nil, text, version: version, validate: ManagerBench.picky)
    }

    private func stored(_ text: String, version: Int64) -> ConfigRules.Finding {
        .present(
            ConfigEntry(
                key: self.bench.main,
                version: version,
                content: ConfigContent(text),
                revision: ConfigRevision("r")
            )
        )
    }

    private func judge(_ finding: ConfigRules.Finding, _ own: ConfigRules.Own) -> ConfigRules.Ruling {
        ConfigRules(item: self.item("own"), now: self.now).judge(finding, against: own)
    }

    @Test("row 2: nothing is stored and the own is passed over: left alone")
    func row2() {
        #expect(self.judge(.absent, self.own("skip")) == .init(row: 2, action: .leaveAlone("it is odd")))
        #expect(self.judge(.absent, self.own(nil)).row == 2)
    }

    @Test("row 3: nothing is stored and the own is refused: an error")
    func row3() {
        #expect(self.judge(.absent, self.own("bad")) == .init(row: 3, action: .refuseOwn("it is bad")))
    }

    @Test(
        "row 4: nothing is stored and the own is good: stored, as version 1 if it has none",
        arguments: [-3, 0, 1, 7]
    )
    func row4(version: Int64) throws {
        let ruling = self.judge(.absent, self.own("own", version: version))
        #expect(ruling.row == 4)
        guard case .upload(let edition, let expectation) = ruling.action else {
            Issue.record("it is not stored")
            return
        }
        #expect(edition.version == max(version, 1))
        #expect(expectation == .absent)
    }

    @Test("row 5: what is stored is passed over: left alone, whatever the versions", arguments: [1, 5, 9])
    func row5(version: Int64) {
        let ruling = self.judge(self.stored("skip", version: version), self.own("own", version: 5))
        #expect(ruling == .init(row: 5, action: .leaveAlone("it is odd")))
    }

    @Test("row 6: what is stored is refused: quarantine, whatever the versions", arguments: [1, 5, 9])
    func row6(version: Int64) {
        let ruling = self.judge(self.stored("bad", version: version), self.own("own", version: 5))
        #expect(ruling.row == 6)
        guard case .quarantine(let edition, "it is bad") = ruling.action else {
            Issue.record("it is not put into quarantine")
            return
        }
        #expect(edition.version == version)
    }

    @Test("row 7: what is stored is newer: taken")
    func row7() {
        let ruling = self.judge(self.stored("theirs", version: 6), self.own("own", version: 5))
        #expect(ruling.row == 7)
        guard case .adopt(let edition) = ruling.action else {
            Issue.record("it is not taken")
            return
        }
        #expect(edition.version == 6)
        #expect(edition.source == .remote)
        #expect(self.judge(self.stored("theirs", version: 1), self.own(nil)).row == 7)
    }

    @Test("row 8: what is stored is older: the own is stored under its version, on the revision that was read")
    func row8() {
        let ruling = self.judge(self.stored("theirs", version: 4), self.own("own", version: 5))
        #expect(ruling.row == 8)
        guard case .upload(let edition, let expectation) = ruling.action else {
            Issue.record("it is not stored")
            return
        }
        #expect(edition.version == 5)
        #expect(expectation == .revision(ConfigRevision("r")))
    }

    @Test("row 8: the own is validated before it replaces what is stored (GD53)")
    func row8Validates() {
        let refused = self.judge(self.stored("theirs", version: 4), self.own("bad", version: 5))
        #expect(refused == .init(row: 8, action: .refuseOwn("it is bad")))
        let skipped = self.judge(self.stored("theirs", version: 4), self.own("skip", version: 5))
        #expect(skipped == .init(row: 8, action: .leaveAlone("it is odd")))
    }

    @Test("row 9: equal versions: nothing is done, and a different content is told apart (GD55)")
    func row9() {
        for (text, isSame) in [("own", true), ("theirs", false)] {
            let ruling = self.judge(self.stored(text, version: 5), self.own("own", version: 5))
            #expect(ruling.row == 9)
            guard case .keep(_, isSame) = ruling.action else {
                Issue.record("\(text): it is not kept, or not told apart")
                continue
            }
        }
    }

    @Test("after a deletion that was seen, any edition is newer, and only who asks stores the own again")
    func deletion() {
        var own = self.own("own", version: 5, sawDeletion: true)
        #expect(self.judge(self.stored("theirs", version: 1), own).row == 7)
        #expect(self.judge(.absent, own).row == 4)
        own.mayRestore = false
        #expect(self.judge(.absent, own).row == 2)
    }

    @Test("a watch stores nothing (M-9.3)")
    func watch() {
        var own = self.own("own", version: 5)
        own.mayUpload = false
        #expect(self.judge(self.stored("theirs", version: 4), own).action == .leaveAlone("what is used is newer"))
        #expect(self.judge(.absent, own).action == .leaveAlone("nothing is stored"))
        #expect(self.judge(self.stored("theirs", version: 6), own).row == 7)
    }

    @Test("a validator that returns accepts; one that throws refuses, and silently only if it says so (M-9.4)")
    func validator() throws {
        struct Odd: Error {}
        let edition = try #require(self.item("x").edition(at: self.now))
        let item = self.bench.item(nil, "") { _ in }
        // With a validator of its own even an empty content may pass.
        #expect(item.verdict(on: try #require(item.edition(at: self.now))) == .passes)
        #expect(self.bench.item { _ in throw Odd() }.verdict(on: edition) == .refused("Odd()"))
        #expect(self.bench.item { _ in throw ConfigRejection("no") }.verdict(on: edition) == .refused("no"))
        let silent = self.bench.item { _ in throw ConfigRejection("no", skips: true) }
        #expect(silent.verdict(on: edition) == .skipped("no"))
    }

    @Test("why a secret was refused is not told")
    func secret() throws {
        let item = ConfigItem(self.bench.main, ConfigContent("hunter2"), isSecret: true) { edition in
            throw ConfigRejection("\(edition.content.text ?? "") is too short")
        }
        let edition = try #require(item.edition(at: self.now))
        guard case .refused(let reason) = item.verdict(on: edition) else {
            Issue.record("it passes")
            return
        }
        #expect(!reason.contains("hunter2"))
        #expect(!"\(edition) \(item)".contains("hunter2"))
        var dumped = ""
        dump(edition, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect(!dumped.contains("104"))
    }

    @Test(
        "without a validator nothing that is empty passes, however it is written (GD73)",
        arguments: [
            ("", ConfigContent.Format.plain), (" \n\t", .plain), ("", .json), ("null", .json), (" \"\" ", .json),
            ("[ ]", .json), ("{\n}", .json), ("{}", .yaml), ("~", .yaml), ("# nothing\n\n  # yet", .yaml),
            ("# nothing", .toml), ("''", .yaml), ("", .binary),
        ]
    )
    func empty(_ text: String, _ format: ConfigContent.Format) {
        let content = ConfigContent(text, format: format)
        #expect(content.isBlank)
    }

    @Test(
        "0 and false are contents, and so is all that says something (GD73)",
        arguments: [
            ("0", ConfigContent.Format.json), ("false", .json), ("0.0", .json), ("[0]", .json), ("{\"a\":0}", .json),
            ("\" \"", .json), ("0", .plain), ("false", .plain), ("[]", .plain), ("null", .plain), ("a: 1", .yaml),
            ("false", .yaml), ("a = 1", .toml), (" ", .binary), ("[null]", .json),
        ]
    )
    func notEmpty(_ text: String, _ format: ConfigContent.Format) {
        let content = ConfigContent(text, format: format)
        #expect(!content.isBlank)
    }
}
