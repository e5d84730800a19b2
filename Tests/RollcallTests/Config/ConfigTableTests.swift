import Testing

@testable import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("ConfigTable")
struct ConfigTableTests {
    private static let date = Date(timeIntervalSince1970: 0)

    private static func place(_ key: String, in namespace: Namespace = .default) throws -> ConfigTable.Place {
        ConfigTable.Place(namespace: namespace, key: try ConfigKey(key))
    }

    @Test("namespaces are apart, and their revisions come from one count")
    func namespaces() throws {
        var table = ConfigTable()
        let other = try Self.place("a", in: Namespace("other"))
        let first = try table.write(ConfigDraft("1"), at: Self.place("a"), expecting: .absent, date: Self.date)
        let second = try table.write(ConfigDraft("2"), at: other, expecting: .absent, date: Self.date)
        #expect(first.entry.revision != second.entry.revision)
        #expect(table.entries(in: .default, under: "").map(\.content.text) == ["1"])
        #expect(table.count == 2)
    }

    @Test("what is put back goes on where it was: versions, history and the count of changes")
    func restore() throws {
        let place = try Self.place("a")
        var table = ConfigTable()
        for text in ["1", "2", "3"] {
            _ = try table.write(ConfigDraft(ConfigContent(text)), at: place, expecting: .any, date: Self.date)
        }
        _ = try table.delete(at: place, expecting: .any, date: Self.date)
        var again = ConfigTable()
        for item in table.history(at: place).reversed() { again.restore(item, at: place, revision: table.revision) }
        #expect(again.history(at: place) == table.history(at: place))
        #expect(again.entry(at: place) == nil)
        let next = try again.write(ConfigDraft("4"), at: place, expecting: .absent, date: Self.date)
        #expect(next.entry.version == 5)
        #expect(next.entry.revision.text == "5")
    }

    @Test("the history is bounded, the newest first")
    func bounded() throws {
        let place = try Self.place("a")
        var table = ConfigTable()
        for number in 1...100 {
            _ = try table.write(ConfigDraft(ConfigContent("\(number)")), at: place, expecting: .any, date: Self.date)
        }
        let versions = table.history(at: place).map(\.entry.version)
        #expect(versions == Array((69...100).reversed()))
    }

    @Test("a batch that cannot be made whole changes nothing: no state, no history, no count")
    func atomic() throws {
        let keys = try ["full", "new", "gone", "taken"].map { try ConfigKey($0) }
        let places = keys.map { ConfigTable.Place(namespace: .default, key: $0) }
        var table = ConfigTable()
        for place in [places[0], places[2], places[3]] {
            for _ in 0..<ConfigTable.usualHistoryLimit {
                _ = try table.write(ConfigDraft("x"), at: place, expecting: .any, date: Self.date)
            }
        }
        _ = try table.delete(at: places[2], expecting: .any, date: Self.date)
        let before = (revision: table.revision, histories: places.map(table.history(at:)))
        var changes = [
            ConfigChange(keys[0], .delete),
            ConfigChange(keys[1], .write(ConfigDraft("1"))),
            ConfigChange(keys[2], .write(ConfigDraft("2"))),
            ConfigChange(keys[3], .write(ConfigDraft("3")), expecting: .absent),
        ]
        let error = #expect(throws: BackendError.self) {
            try table.apply(changes, in: .default, date: Self.date)
        }
        #expect(error?.code == .conflict)
        #expect(error?.key == "taken")
        #expect(table.revision == before.revision)
        #expect(places.map(table.history(at:)) == before.histories)
        #expect(table.entries(in: .default, under: "").map(\.key.text) == ["full", "taken"])
        changes.removeLast()
        #expect(try table.apply(changes, in: .default, date: Self.date).map { $0?.entry.version } == [33, 1, 34])
        #expect(table.revision == before.revision + 3)
    }

    /// Each key as a plain list of what was written.
    @Test("it does what a plain list of writes does, whatever comes", arguments: 0..<50 as Range<UInt64>)
    func model(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var table = ConfigTable()
        var model: [ConfigTable.Place: (last: Int64, entry: ConfigEntry?)] = [:]
        var seen: Set<ConfigRevision> = []
        for _ in 0..<300 {
            let place = try Self.place(["a", "b", "c"][Int.random(in: 0..<3, using: &generator)])
            let (last, present) = model[place] ?? (0, nil)
            let expectation: ConfigExpectation =
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: .absent
                case 1: .revision(present?.revision ?? ConfigRevision("0"))
                case 2: .revision(ConfigRevision("0"))
                default: .any
                }
            let fits =
                switch expectation {
                case .any: true
                case .absent: present == nil
                case .revision(let revision): present?.revision == revision
                }
            if Int.random(in: 0..<3, using: &generator) == 0 {
                let item = try? table.delete(at: place, expecting: expectation, date: Self.date)
                #expect((item != nil) == (fits && present != nil))
                if fits, present != nil { model[place] = (last + 1, nil) }
            } else {
                let wished = Bool.random(using: &generator) ? nil : last + Int64.random(in: -1...3, using: &generator)
                let draft = ConfigDraft("x", version: wished)
                let item = try? table.write(draft, at: place, expecting: expectation, date: Self.date)
                let isTaken = fits && wished.map { $0 > last } ?? true
                #expect((item != nil) == isTaken)
                if let item {
                    #expect(item.entry.version == wished ?? last + 1)
                    #expect(seen.insert(item.entry.revision).inserted)
                    model[place] = (item.entry.version, item.entry)
                }
            }
            #expect(table.entry(at: place) == model[place]?.entry)
        }
    }
}

extension ConfigDraft {
    fileprivate init(_ text: String, version: Int64? = nil) { self.init(ConfigContent(text), version: version) }
}
