#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

// Gray release: a candidate beside what is stored, which some instances see instead of it.
extension ConfigTable {
    /// The candidate at a place.
    package func candidate(at place: Place) -> ConfigCandidate? { self.candidates[place] }

    /// What an instance sees; what is stored for those that did not say who they are.
    package func entry(at place: Place, for instance: ConfigInstance?) -> ConfigEntry? {
        if let instance, let candidate = self.candidates[place], candidate.audience.includes(instance, of: place.key) {
            return candidate.entry
        }
        return self.entry(at: place)
    }

    /// Puts a candidate beside what is stored, instead of one that was there.
    ///
    /// - Parameters:
    ///   - draft: What some instances are to see.
    ///   - audience: Who they are.
    ///   - place: Where.
    ///   - expectation: Which candidate must be there.
    ///   - date: The time.
    /// - Returns: The candidate.
    /// - Throws: `conflict` when another candidate is there or the version is not above all others.
    package mutating func propose(
        _ draft: ConfigDraft,
        for audience: ConfigAudience,
        at place: Place,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> ConfigCandidate {
        try self.checkCandidate(expectation, at: place)
        let version = try self.nextVersion(draft.version, at: place)
        self.revision += 1
        let entry = ConfigEntry(
            key: place.key,
            name: draft.name,
            version: version,
            content: draft.content,
            revision: ConfigRevision("\(self.revision)"),
            modifiedAt: date
        )
        let candidate = ConfigCandidate(entry, for: audience)
        self.candidates[place] = candidate
        return candidate
    }

    /// Stores a candidate's content for all, above every version that was given.
    ///
    /// - Returns: The new state.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected.
    package mutating func promote(
        at place: Place,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> Item {
        try self.checkCandidate(expectation, at: place)
        let entry = try self.requireCandidate(at: place).entry
        let draft = ConfigDraft(entry.content, name: entry.name)
        let item = try self.write(draft, at: place, expecting: .any, date: date)
        self.candidates[place] = nil
        return item
    }

    /// Takes a candidate back.
    ///
    /// Readers take nothing below a version that they have, so that what is stored is stored anew where the candidate
    /// was above it.
    ///
    /// - Returns: The new state, where there is one.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected.
    package mutating func abandon(
        at place: Place,
        expecting expectation: ConfigExpectation,
        date: Date
    ) throws(BackendError) -> Item? {
        try self.checkCandidate(expectation, at: place)
        let candidate = try self.requireCandidate(at: place)
        var item: Item?
        if let stored = self.entry(at: place), stored.version < candidate.entry.version {
            item = try self.write(
                ConfigDraft(stored.content, name: stored.name),
                at: place,
                expecting: .any,
                date: date
            )
        } else if self.entry(at: place) == nil {
            // Nothing is stored, and whatever comes next must be above what some have seen.
            item = self.add("", ConfigContent(bytes: []), candidate.entry.version, isDeletion: true, at: place, date)
        }
        self.candidates[place] = nil
        return item
    }

    /// Puts a candidate back that was there before.
    package mutating func restore(_ candidate: ConfigCandidate, at place: Place, revision: UInt64) {
        self.revision = max(self.revision, revision)
        self.candidates[place] = candidate
    }

    private func requireCandidate(at place: Place) throws(BackendError) -> ConfigCandidate {
        guard let candidate = self.candidates[place] else {
            throw BackendError(.notFound, "\(place.key.text.quotedForDisplay) has no candidate", key: place.key.text)
        }
        return candidate
    }

    private func checkCandidate(_ expectation: ConfigExpectation, at place: Place) throws(BackendError) {
        let present = self.candidates[place]?.entry.revision
        switch expectation {
        case .any: return
        case .absent where present == nil: return
        case .revision(let revision) where present == revision: return
        case .absent, .revision:
            var error = BackendError(.conflict, "the candidate is another one", key: place.key.text)
            error.currentRevision = present?.text
            throw error
        }
    }
}
