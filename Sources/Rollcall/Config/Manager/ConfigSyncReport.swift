/// What a sync did with each key.
public struct ConfigSyncReport: Hashable, Sendable {
    /// What was done with one key.
    public enum Outcome: Hashable, Sendable {
        /// What was stored is used now.
        case adopted(version: Int64)
        /// What the program has was stored.
        case uploaded(version: Int64)
        /// What was stored and what the program has are the same edition.
        case unchanged(version: Int64)
        /// Both have the same version and say different things; the program keeps its own.
        ///
        /// Somebody has to give one of them a higher version.
        case differs(version: Int64)
        /// Nothing, for the reason.
        case leftAlone(reason: String)
    }

    /// What was done; a key that failed is not there.
    public internal(set) var outcomes: [ConfigKey: Outcome] = [:]

    /// The keys whose stored content differs under the same version, in order.
    public var differing: [ConfigKey] {
        self.outcomes.compactMap { key, outcome in if case .differs = outcome { key } else { nil } }.sorted()
    }
}

/// What went wrong in a sync: of each key that failed why, while all others were done.
public struct ConfigSyncError: Error, Sendable, CustomStringConvertible {
    /// Why each key failed.
    public let errors: [ConfigKey: BackendError]
    /// What was done with the others.
    public let report: ConfigSyncReport

    /// The text form, key by key in order.
    public var description: String {
        let lines = self.errors.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        let count = self.errors.count + self.report.outcomes.count
        return "\(self.errors.count) of \(count) keys could not be synced: " + lines.joined(separator: "; ")
    }
}
