package import Rollcall

/// The hub's configuration: what is stored under keys, on the disk before anybody is told.
package struct HubConfig: Sendable {
    /// The most bytes of one content.
    package static let maximumBytes = 1 << 20

    let state: HubState
    /// Checks texts before they are stored.
    let formats: ConfigReader

    /// What an instance sees under a key; what is stored for those that did not say who they are.
    package func entry(at place: ConfigTable.Place, for instance: ConfigInstance? = nil) -> ConfigEntry? {
        self.state.read { $0.entry(at: place, for: instance) }
    }

    /// The candidate of a key.
    func candidate(at place: ConfigTable.Place) -> ConfigCandidate? {
        self.state.read { $0.candidate(at: place) }
    }

    /// The keys of a namespace that begin with a text, in order of their bytes.
    package func summaries(in namespace: Namespace, under prefix: String) -> [ConfigSummary] {
        // To sort thousands of keys must not keep others waiting.
        self.state.snapshot.entries(in: namespace, under: prefix).map(\.summary)
    }

    /// Makes changes, all or none.
    ///
    /// - Parameters:
    ///   - changes: At most one of each key.
    ///   - namespace: Where.
    ///   - write: What the writer calls it; one that was made already is not made again.
    /// - Returns: The new state of each; `nil` where nothing was to be deleted.
    /// - Throws: What the first change that cannot be made throws; `unavailable` when it cannot be written down.
    func apply(
        _ changes: [ConfigChange],
        in namespace: Namespace,
        as write: WriteID? = nil
    ) async throws(BackendError) -> [ConfigTable.Item?] {
        try changes.check(limit: Self.maximumBytes)
        try self.check(changes)
        let places = changes.map { ConfigTable.Place(namespace: namespace, key: $0.key) }
        return try await self.state.commit { commit throws(BackendError) in
            if let write {
                var made: [ConfigTable.Item?] = []
                for place in places { made.append(try commit.item(at: place, writtenAs: write)) }
                if made.contains(where: { $0 != nil }) { return made }
            }
            return try commit.change(places) { (table, date) throws(BackendError) in
                let items = try table.apply(changes, in: namespace, date: date)
                let records = zip(places, items).compactMap { place, item in
                    item.map { StateRecord.put(place, $0, write) }
                }
                return (items, records)
            }
        }
    }

    /// The states that a key had, newest first.
    package func history(at place: ConfigTable.Place) async throws(BackendError) -> [ConfigHistoryItem] {
        try await self.state.readFile { file throws(BackendError) in try file.history(at: place) }
    }

    /// What was stored as a version; `nil` when that is not kept, or was a deletion.
    package func entry(
        at place: ConfigTable.Place,
        version: Int64
    ) async throws(BackendError) -> ConfigEntry? {
        let item = try await self.state.readFile { file throws(BackendError) in
            try file.item(at: place, version: version)
        }
        return item.flatMap { $0.isDeletion ? nil : $0.entry }
    }

    /// Stores the content of an earlier version anew.
    ///
    /// - Returns: The new state.
    /// - Throws: `notFound` when the version is not kept; `conflict` as for a write; `unavailable`.
    func rollBack(
        at place: ConfigTable.Place,
        to version: Int64,
        expecting expectation: ConfigExpectation,
        as write: WriteID? = nil
    ) async throws(BackendError) -> ConfigEntry {
        try await self.state.commit { commit throws(BackendError) in
            if let write, let made = try commit.item(at: place, writtenAs: write) { return made.entry }
            guard let item = try commit.file.item(at: place, version: version), !item.isDeletion else {
                throw ConfigTable.notKept(version, at: place, limit: ConfigTable.usualHistoryLimit)
            }
            let draft = ConfigDraft(item.entry.content, name: item.entry.name)
            return try commit.change([place]) { (table, date) throws(BackendError) in
                let item = try table.write(draft, at: place, expecting: expectation, date: date)
                return (item.entry, [.put(place, item, write)])
            }
        }
    }
}

extension HubConfig {
    /// Checks texts by what kind they are, so that nobody is given what nobody can read.
    ///
    /// - Throws: `invalidArgument` with the key, and where the fault is.
    func check(_ changes: [ConfigChange]) throws(BackendError) {
        for change in changes {
            guard case .write(let draft) = change.action else { continue }
            try self.check(draft.content, key: change.key)
        }
    }

    /// Checks a text by what kind it is.
    func check(_ content: ConfigContent, key: ConfigKey) throws(BackendError) {
        try self.formats.checkForStoring(content, key: key)
    }
}

extension ConfigReader {
    /// Checks a text by what kind it is, so that nobody is given what nobody can read.
    ///
    /// - Throws: `invalidArgument` with the key, and where the fault is.
    func checkForStoring(_ content: ConfigContent, key: ConfigKey) throws(BackendError) {
        do throws(ConfigFormatError) {
            try self.check(content)
        } catch {
            throw BackendError(.invalidArgument, "the content is not stored: \(error)", key: key.text)
        }
    }
}

// Gray release.
extension HubConfig {
    /// Puts a candidate beside what is stored.
    ///
    /// - Parameters:
    ///   - draft: What some instances are to see.
    ///   - audience: Who they are.
    ///   - place: Where.
    ///   - expectation: Which candidate must be there.
    /// - Returns: The candidate.
    /// - Throws: `conflict` when another candidate is there; `unavailable`.
    func propose(
        _ draft: ConfigDraft,
        for audience: ConfigAudience,
        at place: ConfigTable.Place,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigCandidate {
        try draft.check(limit: Self.maximumBytes)
        try self.check(draft.content, key: place.key)
        return try await self.state.commit { commit throws(BackendError) in
            try commit.change([place]) { (table, date) throws(BackendError) in
                let candidate = try table.propose(
                    draft,
                    for: audience,
                    at: place,
                    expecting: expectation,
                    date: date
                )
                return (candidate, [.candidate(place, candidate)])
            }
        }
    }

    /// Stores a candidate's content for all.
    ///
    /// - Returns: What is stored.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected; `unavailable`.
    func promote(
        at place: ConfigTable.Place,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try await self.state.commit { commit throws(BackendError) in
            try commit.change([place]) { (table, date) throws(BackendError) in
                let item = try table.promote(at: place, expecting: expectation, date: date)
                return (item.entry, [.put(place, item), .candidate(place, nil)])
            }
        }
    }

    /// Takes a candidate back.
    ///
    /// - Returns: What is stored; `nil` for nothing.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected; `unavailable`.
    func abandon(
        at place: ConfigTable.Place,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry? {
        try await self.state.commit { commit throws(BackendError) in
            try commit.change([place]) { (table, date) throws(BackendError) in
                let item = try table.abandon(at: place, expecting: expectation, date: date)
                let put = item.map { [StateRecord.put(place, $0)] } ?? []
                return (table.entry(at: place), put + [.candidate(place, nil)])
            }
        }
    }
}
