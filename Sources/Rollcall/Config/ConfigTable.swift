#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What is stored as configuration, as a value: every rule of versions, revisions and history, without clock, lock or
/// disk.
package struct ConfigTable: Sendable {
    /// A key in its namespace.
    package struct Place: Hashable, Sendable {
        /// The namespace.
        package let namespace: Namespace
        /// The key.
        package let key: ConfigKey

        /// Names a place.
        package init(namespace: Namespace, key: ConfigKey) {
            self.namespace = namespace
            self.key = key
        }
    }

    /// One state that a key had or has.
    package struct Item: Hashable, Sendable {
        /// What was written; of a deletion only version, revision and time count.
        package let entry: ConfigEntry
        /// Whether the key was deleted with it.
        package let isDeletion: Bool

        /// Creates a state.
        package init(_ entry: ConfigEntry, isDeletion: Bool = false) {
            self.entry = entry
            self.isDeletion = isDeletion
        }
    }

    /// How many states of a key are kept, the present one among them.
    package static let usualHistoryLimit = 32

    /// The count of changes; each takes the next, and its revision says which.
    package internal(set) var revision: UInt64
    /// Of each key that was ever written its states, newest first.
    var items: [Place: [Item]] = [:]
    /// What some instances are to see instead of what is stored.
    var candidates: [Place: ConfigCandidate] = [:]
    let historyLimit: Int

    /// Creates an empty table.
    ///
    /// - Parameters:
    ///   - revision: The count of changes before.
    ///   - historyLimit: How many states of a key are kept here, the present one among them; 32 by default.
    package init(revision: UInt64 = 0, historyLimit: Int = ConfigTable.usualHistoryLimit) {
        self.revision = revision
        self.historyLimit = historyLimit
    }

    /// What is stored at a place.
    package func entry(at place: Place) -> ConfigEntry? {
        guard let newest = self.items[place]?.first, !newest.isDeletion else { return nil }
        return newest.entry
    }

    /// The states that a key had, newest first.
    package func history(at place: Place) -> [Item] { self.items[place] ?? [] }

    /// The entries of a namespace under a prefix, in order of their keys.
    package func entries(in namespace: Namespace, under prefix: String) -> [ConfigEntry] {
        self.items.keys
            .filter { $0.namespace == namespace && $0.key.text.utf8.starts(with: prefix.utf8) }
            .compactMap { self.entry(at: $0) }
            .sorted { $0.key < $1.key }
    }

    /// How many keys have something stored.
    package var count: Int { self.items.values.count { $0.first?.isDeletion == false } }

    /// Puts a state back that was stored before.
    package mutating func restore(_ item: Item, at place: Place, revision: UInt64) {
        self.revision = max(self.revision, revision)
        self.keep(item, at: place)
    }

    /// Makes changes of some places, all or none, without a copy of the others.
    ///
    /// - Parameters:
    ///   - places: All that `body` may change.
    ///   - body: Makes the changes.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; the table is then as it was.
    package mutating func atomically<Value>(
        at places: [Place],
        _ body: (inout ConfigTable) throws(BackendError) -> Value
    ) throws(BackendError) -> Value {
        let revision = self.revision
        let former = self.part(of: places)
        do throws(BackendError) {
            return try body(&self)
        } catch {
            self.revision = revision
            for place in places { self.take(place, from: former) }
            throw error
        }
    }
}

extension ConfigTable {
    /// Stores a content.
    ///
    /// - Returns: The new state.
    /// - Throws: `conflict` when something else is stored or the version is not above it.
    package mutating func write(
        _ draft: ConfigDraft,
        at place: Place,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> Item {
        try self.check(expectation, at: place)
        let version = try self.nextVersion(draft.version, at: place)
        return self.add(draft.name, draft.content, version, isDeletion: false, at: place, date)
    }

    /// The version that comes next at a place: what is wished, which must be above all that were given.
    func nextVersion(_ wished: Int64?, at place: Place) throws(BackendError) -> Int64 {
        let last = self.lastVersion(at: place)
        if let wished {
            guard wished > last else {
                throw self.conflict(at: place, "version \(wished) is not above \(last), which was given already")
            }
            return wished
        }
        guard last < .max else {
            throw BackendError(.invalidArgument, "version: \(last) is the highest there is; nothing goes above it")
        }
        return last + 1
    }

    /// The highest version that was given at a place, to what is stored or to a candidate; 0 for none.
    private func lastVersion(at place: Place) -> Int64 {
        max(self.items[place]?.first?.entry.version ?? 0, self.candidates[place]?.entry.version ?? 0)
    }

    /// Deletes what is stored.
    ///
    /// - Returns: The new state; `nil` when nothing was stored.
    /// - Throws: `conflict` when something else is stored; `notFound` when a revision is expected and nothing is.
    package mutating func delete(
        at place: Place,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> Item? {
        guard let entry = self.entry(at: place) else {
            guard case .revision = expectation else { return nil }
            throw BackendError(.notFound, "nothing is stored under \(place.key.text.quotedForDisplay)")
        }
        try self.check(expectation, at: place)
        // The last version there is must stay the last, so that nothing overtakes it.
        let last = self.lastVersion(at: place)
        let version = last == .max ? last : last + 1
        let empty = ConfigContent(bytes: [], format: entry.content.format)
        return self.add(entry.name, empty, version, isDeletion: true, at: place, date)
    }

    /// Stores the content of an earlier version anew.
    ///
    /// - Throws: `notFound` when the version is not kept; `conflict` as for a write.
    package mutating func rollBack(
        at place: Place,
        to version: Int64,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> Item {
        guard let item = self.history(at: place).first(where: { $0.entry.version == version }), !item.isDeletion else {
            throw Self.notKept(version, at: place, limit: self.historyLimit)
        }
        let draft = ConfigDraft(item.entry.content, name: item.entry.name)
        return try self.write(draft, at: place, expecting: expectation, date: date)
    }

    /// Says that a version cannot be rolled back to.
    package static func notKept(_ version: Int64, at place: Place, limit: Int) -> BackendError {
        BackendError(
            .notFound,
            "version \(version) of \(place.key.text.quotedForDisplay) is not kept; the last \(limit) states are",
            key: place.key.text
        )
    }

    private func check(_ expectation: ConfigExpectation, at place: Place) throws(BackendError) {
        let stored = self.entry(at: place)
        switch expectation {
        case .any: return
        case .absent:
            guard stored != nil else { return }
            throw self.conflict(at: place, "something is stored already")
        case .revision(let revision):
            guard stored?.revision != revision else { return }
            throw self.conflict(at: place, stored == nil ? "nothing is stored any more" : "something else is stored")
        }
    }

    func conflict(at place: Place, _ message: String) -> BackendError {
        var error = BackendError(.conflict, message, key: place.key.text)
        error.currentRevision = self.entry(at: place)?.revision.text
        return error
    }

    mutating func add(
        _ name: String,
        _ content: ConfigContent,
        _ version: Int64,
        isDeletion: Bool,
        at place: Place,
        _ date: Date
    ) -> Item {
        self.revision += 1
        let entry = ConfigEntry(
            key: place.key,
            name: name,
            version: version,
            content: content,
            revision: ConfigRevision("\(self.revision)"),
            modifiedAt: date
        )
        let item = Item(entry, isDeletion: isDeletion)
        self.keep(item, at: place)
        return item
    }

    private mutating func keep(_ item: Item, at place: Place) {
        var items = self.items.removeValue(forKey: place) ?? []
        items.insert(item, at: 0)
        if items.count > self.historyLimit { items.removeLast() }
        self.items[place] = items
    }
}
