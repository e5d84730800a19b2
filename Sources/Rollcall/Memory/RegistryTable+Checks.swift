#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

// What a server that checks instances by itself takes note of.
extension RegistryTable {
    /// What checks have shown of one registration.
    package struct CheckResult: Hashable, Sendable {
        /// The instance.
        package let id: InstanceID
        /// When the one registered that was checked, so that nobody else is judged.
        package let registeredAt: Date?
        /// Whether it fails.
        package let fails: Bool

        /// Creates a result.
        package init(id: InstanceID, registeredAt: Date?, fails: Bool) {
            self.id = id
            self.registeredAt = registeredAt
            self.fails = fails
        }
    }

    /// Shows instances as critical that fail checks, whatever their holders say, and no longer when they pass.
    ///
    /// - Parameters:
    ///   - results: What checks have shown; what is about former holders is left out.
    ///   - place: Where.
    /// - Returns: Whom that changed, all in one change, or `nil` when nobody.
    package mutating func note(_ results: [CheckResult], at place: Place) -> Change? {
        var changed: [InstanceID] = []
        for result in results {
            guard let slot = self.slot(of: result.id, at: place), let record = self.pool[slot],
                record.failsChecks != result.fails, record.own.registeredAt == result.registeredAt
            else { continue }
            self.pool[slot]?.note(failsChecks: result.fails)
            changed.append(result.id)
        }
        guard !changed.isEmpty else { return nil }
        var change = Change(place: place)
        self.complete(&change, upserting: changed)
        return change
    }
}
