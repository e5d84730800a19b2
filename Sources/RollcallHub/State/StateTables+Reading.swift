import Rollcall
import SQLiteEngine

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension StateTables {
    /// Reads all that is needed to go on.
    func contents() throws(DatabaseError) -> StateContents {
        let directory = try self.takeDirectory()
        defer { self.directory = directory }
        var contents = StateContents()
        for (place, number) in directory.numbers {
            guard let newest = directory.states[number].last else { continue }
            guard let item = try self.item(newest.revision, at: place) else { continue }
            contents.states.append((place, item))
            contents.revision = max(contents.revision, UInt64(clamping: newest.revision))
        }
        try self.readCandidates(&contents, Dictionary(uniqueKeysWithValues: directory.numbers.map { ($1, $0) }))
        try self.readLocks(&contents)
        contents.revision = max(contents.revision, UInt64(clamping: try self.count("revision")))
        contents.lastToken = max(contents.lastToken, UInt64(clamping: try self.count("token")))
        return contents
    }

    /// The states that a key had, newest first, without contents.
    func history(at place: ConfigTable.Place) throws(DatabaseError) -> [ConfigHistoryItem] {
        let directory = try self.takeDirectory()
        defer { self.directory = directory }
        guard let number = directory.numbers[place] else { return [] }
        var items: [ConfigHistoryItem] = []
        for state in directory.states[number].suffix(self.historyLimit).reversed() {
            self.readState.reset()
            try self.readState.bind(state.revision, 1)
            guard try self.readState.step() else { continue }
            let summary = ConfigSummary(
                key: place.key,
                name: self.readState.text(1),
                version: self.readState.integer(0),
                revision: ConfigRevision("\(state.revision)"),
                format: Self.format(self.readState.text(2)),
                size: Int(self.readState.integer(3)),
                modifiedAt: Self.date(self.readState.integer(4))
            )
            items.append(ConfigHistoryItem(summary, isDeletion: self.readState.integer(5) != 0))
        }
        self.readState.reset()
        return items
    }

    /// A state that a key had; `nil` when it is not kept.
    func item(at place: ConfigTable.Place, version: Int64) throws(DatabaseError) -> ConfigTable.Item? {
        let directory = try self.takeDirectory()
        defer { self.directory = directory }
        guard let number = directory.numbers[place],
            let state = directory.states[number].suffix(self.historyLimit).last(where: { $0.version == version })
        else { return nil }
        return try self.item(state.revision, at: place)
    }

    /// The state that a write left; `nil` when it is not kept.
    func item(at place: ConfigTable.Place, writtenAs write: WriteID) throws(DatabaseError) -> ConfigTable.Item? {
        let directory = try self.takeDirectory()
        defer { self.directory = directory }
        guard let number = directory.numbers[place],
            let state = directory.states[number].last(where: { $0.write == write })
        else { return nil }
        return try self.item(state.revision, at: place)
    }

    /// What the file has, which the caller puts back once he is done.
    func takeDirectory() throws(DatabaseError) -> Directory {
        if let directory = self.directory {
            self.directory = nil
            return directory
        }
        var directory = Directory()
        let places = try self.database.prepare("SELECT id, namespace, key FROM places ORDER BY id")
        while try places.step() {
            guard let place = Self.place(places), places.integer(0) == directory.states.count else {
                throw Self.damage("a key of it cannot be read")
            }
            directory.numbers[place] = directory.states.count
            directory.states.append([])
        }
        let states = try self.database.prepare(
            "SELECT revision, place, version, write_high, write_low FROM states ORDER BY revision"
        )
        while try states.step() {
            let number = Int(states.integer(1))
            guard directory.states.indices.contains(number) else { throw Self.damage("a state of it has no key") }
            directory.states[number].append(
                KeptState(
                    revision: states.integer(0),
                    version: states.integer(2),
                    write: WriteID(words: (states.integer(3), states.integer(4)))
                )
            )
        }
        return directory
    }

    private func item(_ revision: Int64, at place: ConfigTable.Place) throws(DatabaseError) -> ConfigTable.Item? {
        defer { self.readState.reset() }
        try self.readState.bind(revision, 1)
        guard try self.readState.step() else { return nil }
        let isDeletion = self.readState.integer(5) != 0
        let bytes = isDeletion ? [] : self.readState.bytes(7)
        let entry = ConfigEntry(
            key: place.key,
            name: self.readState.text(1),
            version: self.readState.integer(0),
            content: ConfigContent(bytes: bytes, format: Self.format(self.readState.text(2))),
            revision: ConfigRevision("\(revision)"),
            modifiedAt: Self.date(self.readState.integer(4))
        )
        guard Int64(entry.checksum) == self.readState.integer(6) else {
            throw Self.damage("version \(entry.version) of \(place.key.text.quotedForDisplay) is not what was written")
        }
        return ConfigTable.Item(entry, isDeletion: isDeletion)
    }

    private func readCandidates(
        _ contents: inout StateContents,
        _ places: [Int: ConfigTable.Place]
    ) throws(DatabaseError) {
        let rows = try self.database.prepare(
            "SELECT place, revision, version, name, format, modified, audience, bytes, checksum FROM candidates"
        )
        while try rows.step() {
            guard let place = places[Int(rows.integer(0))] else { throw Self.damage("a candidate of it has no key") }
            let entry = ConfigEntry(
                key: place.key,
                name: rows.text(3),
                version: rows.integer(2),
                content: ConfigContent(bytes: rows.bytes(7), format: Self.format(rows.text(4))),
                revision: ConfigRevision("\(rows.integer(1))"),
                modifiedAt: Self.date(rows.integer(5))
            )
            guard Int64(entry.checksum) == rows.integer(8),
                let audience = try? ConfigAudience(json: Array(rows.text(6).utf8))
            else { throw Self.damage("the candidate of \(place.key.text.quotedForDisplay) is not what was written") }
            contents.candidates.append((place, ConfigCandidate(entry, for: audience)))
            contents.revision = max(contents.revision, UInt64(clamping: rows.integer(1)))
        }
    }

    private func readLocks(_ contents: inout StateContents) throws(DatabaseError) {
        let rows = try self.database.prepare("SELECT namespace, name, proof, token, ttl FROM locks")
        while try rows.step() {
            guard let namespace = try? Namespace(rows.text(0)), let name = try? LockName(rows.text(1)) else {
                throw Self.damage("a lock of it cannot be read")
            }
            let token = UInt64(clamping: rows.integer(3))
            let place = LockTable.Place(namespace: namespace, name: name)
            contents.holders.append((place, rows.text(2), token, .milliseconds(max(rows.integer(4), 1))))
            contents.lastToken = max(contents.lastToken, token)
        }
    }

    private func count(_ name: String) throws(DatabaseError) -> Int64 {
        let rows = try self.database.prepare("SELECT value FROM meta WHERE name = ?")
        try rows.bind(name, 1)
        return try rows.step() ? rows.integer(0) : 0
    }

    private static func place(_ row: Statement) -> ConfigTable.Place? {
        guard let namespace = try? Namespace(row.text(1)), let key = try? ConfigKey(row.text(2)) else { return nil }
        return ConfigTable.Place(namespace: namespace, key: key)
    }

    /// What is stored passed the check of a media type once.
    private static func format(_ text: String) -> ConfigContent.Format {
        (try? ConfigContent.Format(mediaType: text)) ?? .binary
    }

    private static func date(_ milliseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }

    private static func damage(_ message: String) -> DatabaseError { DatabaseError(damaged: message) }
}
