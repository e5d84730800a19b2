import Rollcall
import SQLiteEngine

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The tables of a file with their statements; it belongs to whoever holds the file's lock.
final class StateTables {
    /// What the file has, so that it need not be asked.
    struct Directory {
        /// Of each key its number, from 0.
        var numbers: [ConfigTable.Place: Int] = [:]
        /// Of each number the states that are kept, oldest first.
        var states: [[KeptState]] = []
    }

    /// A state that is kept.
    struct KeptState {
        let revision: Int64
        let version: Int64
        /// What its writer called the write.
        let write: WriteID?
    }

    /// How many states more than are shown a key may have before the oldest are deleted, all of them at once: to delete
    /// one with each write would cost more than the write.
    private static let pruning = 32

    let database: Database
    let historyLimit: Int
    /// `nil` when a failure left open what the file has.
    var directory: Directory?

    private let insertPlace: Statement
    private let insertState: Statement
    private let deleteState: Statement
    private let putCandidate: Statement
    private let deleteCandidate: Statement
    private let putLock: Statement
    private let deleteLock: Statement
    private let raiseCount: Statement
    let readState: Statement

    /// Prepares the statements.
    init(_ database: Database, historyLimit: Int) throws(DatabaseError) {
        self.database = database
        self.historyLimit = historyLimit
        self.insertPlace = try database.prepare("INSERT INTO places VALUES (?, ?, ?)")
        self.insertState = try database.prepare("INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        self.deleteState = try database.prepare("DELETE FROM states WHERE revision = ?")
        self.putCandidate = try database.prepare(
            "INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.deleteCandidate = try database.prepare("DELETE FROM candidates WHERE place = ?")
        self.putLock = try database.prepare("INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?)")
        self.deleteLock = try database.prepare("DELETE FROM locks WHERE namespace = ? AND name = ?")
        self.raiseCount = try database.prepare("UPDATE meta SET value = max(value, ?) WHERE name = ?")
        self.readState = try database.prepare(
            "SELECT version, name, format, size, modified, deletion, checksum, bytes FROM states WHERE revision = ?"
        )
    }
}

// MARK: Writing

extension StateTables {
    /// Writes records, all or none, and returns once they are on the disk.
    func commit(_ records: [StateRecord]) throws(DatabaseError) {
        // It is changed in place, and read anew should the file not take the change.
        var directory = try self.takeDirectory()
        try self.database.transaction { () throws(DatabaseError) in
            for record in records { try self.write(record, &directory) }
            try self.raiseCounts(records)
        }
        self.directory = directory
    }

    private func write(_ record: StateRecord, _ directory: inout Directory) throws(DatabaseError) {
        switch record {
        case .put(let place, let item, let write): try self.put(item, at: place, write, &directory)
        case .candidate(let place, let candidate?): try self.put(candidate, at: place, &directory)
        case .candidate(let place, nil):
            try self.deleteCandidate.bind(Int64(try self.number(of: place, &directory)), 1)
            try self.deleteCandidate.run()
        case .hold(let place, let grant):
            try self.putLock.bind(place.namespace.text, 1)
            try self.putLock.bind(place.name.text, 2)
            try self.putLock.bind(grant.proof, 3)
            try self.putLock.bind(Int64(clamping: grant.token), 4)
            try self.putLock.bind(grant.ttl.milliseconds, 5)
            try self.putLock.run()
        case .free(let place):
            try self.deleteLock.bind(place.namespace.text, 1)
            try self.deleteLock.bind(place.name.text, 2)
            try self.deleteLock.run()
        case .nothing:
            // SQLite writes nothing for a row that stays as it is.
            try self.database.execute("INSERT OR REPLACE INTO meta VALUES ('probe', abs(random()))")
        }
    }

    /// Takes note of counts that no row shows once it is gone.
    private func raiseCounts(_ records: [StateRecord]) throws(DatabaseError) {
        var (token, revision) = (Int64(0), Int64(0))
        for record in records {
            switch record {
            case .hold(_, let grant): token = max(token, Int64(clamping: grant.token))
            case .candidate(_, let candidate?): revision = max(revision, candidate.entry.revision.number)
            default: break
            }
        }
        for (count, name) in [(token, "token"), (revision, "revision")] where count > 0 {
            try self.raiseCount.bind(count, 1)
            try self.raiseCount.bind(name, 2)
            try self.raiseCount.run()
        }
    }

    private func put(
        _ item: ConfigTable.Item,
        at place: ConfigTable.Place,
        _ write: WriteID?,
        _ directory: inout Directory
    ) throws(DatabaseError) {
        let entry = item.entry
        let revision = entry.revision.number
        let number = try self.number(of: place, &directory)
        try self.insertState.bind(revision, 1)
        try self.insertState.bind(Int64(number), 2)
        try self.insertState.bind(entry.version, 3)
        try self.insertState.bind(entry.name, 4)
        try self.insertState.bind(entry.content.format.mediaType, 5)
        try self.insertState.bind(Int64(entry.content.bytes.count), 6)
        try self.insertState.bind(entry.modifiedMilliseconds, 7)
        try self.insertState.bind(item.isDeletion ? 1 : 0, 8)
        try self.insertState.bind(Int64(entry.checksum), 9)
        let words = write?.words ?? (high: 0, low: 0)
        try self.insertState.bind(words.high, 10)
        try self.insertState.bind(words.low, 11)
        try self.insertState.bind(item.isDeletion ? [] : entry.content.bytes, 12)
        try self.insertState.run()
        directory.states[number].append(KeptState(revision: revision, version: entry.version, write: write))
        let surplus = directory.states[number].count - self.historyLimit
        guard surplus >= Self.pruning else { return }
        for oldest in directory.states[number].prefix(surplus) {
            try self.deleteState.bind(oldest.revision, 1)
            try self.deleteState.run()
        }
        directory.states[number].removeFirst(surplus)
    }

    private func put(
        _ candidate: ConfigCandidate,
        at place: ConfigTable.Place,
        _ directory: inout Directory
    ) throws(DatabaseError) {
        let entry = candidate.entry
        try self.putCandidate.bind(Int64(try self.number(of: place, &directory)), 1)
        try self.putCandidate.bind(entry.revision.number, 2)
        try self.putCandidate.bind(entry.version, 3)
        try self.putCandidate.bind(entry.name, 4)
        try self.putCandidate.bind(entry.content.format.mediaType, 5)
        try self.putCandidate.bind(entry.modifiedMilliseconds, 6)
        try self.putCandidate.bind(String(decoding: candidate.audience.json, as: UTF8.self), 7)
        try self.putCandidate.bind(entry.content.bytes, 8)
        try self.putCandidate.bind(Int64(entry.checksum), 9)
        try self.putCandidate.run()
    }

    private func number(of place: ConfigTable.Place, _ directory: inout Directory) throws(DatabaseError) -> Int {
        if let number = directory.numbers[place] { return number }
        let number = directory.states.count
        try self.insertPlace.bind(Int64(number), 1)
        try self.insertPlace.bind(place.namespace.text, 2)
        try self.insertPlace.bind(place.key.text, 3)
        try self.insertPlace.run()
        directory.numbers[place] = number
        directory.states.append([])
        return number
    }
}
