/// The rules of a sync and of a watch (M-9.2, M-9.3) as one table, without clock, lock or network.
///
/// | row | stored | validation | versions | what happens |
/// |---|---|---|---|---|
/// | 1 | cannot be read | – | – | an error of this key |
/// | 2 | nothing | own passed over, or there is none | – | nothing |
/// | 3 | nothing | own refused | – | an error of this key |
/// | 4 | nothing | own passes | – | own is stored, as version 1 if it has none |
/// | 5 | something | passed over | – | nothing |
/// | 6 | something | refused | – | quarantine, and an error of this key |
/// | 7 | something | passes | stored above own | stored is taken, subscribers are called |
/// | 8 | something | both pass | stored below own | own is stored; refused or passed over as in 2 and 3 |
/// | 9 | something | passes | equal | nothing; a different content is reported |
struct ConfigRules {
    /// What the backend answered.
    enum Finding: Hashable {
        /// Something is stored.
        case present(ConfigEntry)
        /// Nothing is.
        case absent
    }

    /// What the program has.
    struct Own {
        /// What it uses; `nil` for nothing.
        var edition: ConfigEdition?
        /// Whether it saw somebody delete what was stored: then any edition is newer than its own.
        var sawDeletion = false
        /// Whether what somebody deleted may be stored again; false for a sync that nobody asked for.
        var mayRestore = true
        /// Whether its own may be stored at all; false for a watch, which only listens.
        var mayUpload = true
    }

    /// What is to be done, and by which row of the table.
    struct Ruling: Hashable {
        /// What is to be done.
        enum Action: Hashable {
            /// Nothing, for a reason.
            case leaveAlone(String)
            /// The program's own content is at fault.
            case refuseOwn(String)
            /// What is stored is not used, and shown with the reason.
            case quarantine(ConfigEdition, String)
            /// The program's own content is stored.
            case upload(ConfigEdition, expecting: ConfigExpectation)
            /// What is stored is used from now on.
            case adopt(ConfigEdition)
            /// Both are the same edition; whether they say the same.
            case keep(ConfigEdition, isSame: Bool)
        }

        let row: Int
        let action: Action
    }

    let item: ConfigItem
    let now: TimeSource.Instant

    /// Judges what a read found.
    func judge(_ finding: Finding, against own: Own) -> Ruling {
        switch finding {
        case .absent:
            guard own.mayUpload else { return Ruling(row: 2, action: .leaveAlone("nothing is stored")) }
            if own.sawDeletion, !own.mayRestore {
                return Ruling(row: 2, action: .leaveAlone("it was deleted, and nobody asked to store it again"))
            }
            guard let edition = own.edition else {
                return Ruling(row: 2, action: .leaveAlone("nothing is stored, and the program brings nothing"))
            }
            let named = edition.version > 0 ? edition : edition.with(version: 1, at: edition.takenAt)
            return self.upload(named, expecting: .absent, rows: (skipped: 2, refused: 3, passes: 4))
        case .present(let entry):
            let edition = ConfigEdition(entry, from: .remote, at: self.now, isSecret: self.item.isSecret)
            switch self.item.verdict(on: edition) {
            case .skipped(let reason): return Ruling(row: 5, action: .leaveAlone(reason))
            case .refused(let reason): return Ruling(row: 6, action: .quarantine(edition, reason))
            case .passes: return self.compare(edition, entry.revision, with: own)
            }
        }
    }

    private func compare(_ stored: ConfigEdition, _ revision: ConfigRevision, with own: Own) -> Ruling {
        guard let edition = own.edition, !own.sawDeletion, stored.version <= edition.version else {
            return Ruling(row: 7, action: .adopt(stored))
        }
        guard stored.version < edition.version else {
            let isSame = stored.content.bytes == edition.content.bytes
            return Ruling(row: 9, action: .keep(stored, isSame: isSame))
        }
        guard own.mayUpload else { return Ruling(row: 8, action: .leaveAlone("what is used is newer")) }
        return self.upload(edition, expecting: .revision(revision), rows: (skipped: 8, refused: 8, passes: 8))
    }

    private func upload(
        _ edition: ConfigEdition,
        expecting expectation: ConfigExpectation,
        rows: (skipped: Int, refused: Int, passes: Int)
    ) -> Ruling {
        switch self.item.verdict(on: edition) {
        case .skipped(let reason): Ruling(row: rows.skipped, action: .leaveAlone(reason))
        case .refused(let reason): Ruling(row: rows.refused, action: .refuseOwn(reason))
        case .passes: Ruling(row: rows.passes, action: .upload(edition, expecting: expectation))
        }
    }
}
