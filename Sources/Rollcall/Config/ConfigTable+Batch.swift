#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

extension ConfigTable {
    /// Makes changes one after the other, all or none.
    ///
    /// - Returns: The new state of each key; `nil` where nothing was to be deleted.
    /// - Throws: What the change throws that cannot be made.
    package mutating func apply(
        _ changes: [ConfigChange],
        in namespace: Namespace,
        date: Date
    ) throws(BackendError) -> [Item?] {
        let places = changes.map { Place(namespace: namespace, key: $0.key) }
        return try self.atomically(at: places) { table throws(BackendError) in
            var items: [Item?] = []
            for (change, place) in zip(changes, places) { items.append(try table.make(change, at: place, date: date)) }
            return items
        }
    }

    private mutating func make(_ change: ConfigChange, at place: Place, date: Date) throws(BackendError) -> Item? {
        do throws(BackendError) {
            return switch change.action {
            case .write(let draft): try self.write(draft, at: place, expecting: change.expectation, date: date)
            case .delete: try self.delete(at: place, expecting: change.expectation, date: date)
            }
        } catch {
            var error = error
            error.key = change.key.text
            throw error
        }
    }
}

extension [ConfigChange] {
    /// Checks what no backend takes.
    ///
    /// - Parameters:
    ///   - limit: The most bytes of each content.
    ///   - maximumCount: The most changes at once.
    /// - Throws: `tooLarge` with the limit, or `invalidArgument`, with the key.
    package func check(limit: Int, maximumCount: Int = .max) throws(BackendError) {
        guard self.count <= maximumCount else {
            var error = BackendError(
                .tooLarge,
                "the batch has \(self.count) changes, and at most \(maximumCount) are made at once"
            )
            error.limit = maximumCount
            throw error
        }
        var keys: Set<ConfigKey> = []
        for change in self {
            guard keys.insert(change.key).inserted else {
                throw BackendError(.invalidArgument, "a key is changed twice in one batch", key: change.key.text)
            }
            guard case .write(let draft) = change.action else { continue }
            do throws(BackendError) {
                try draft.check(limit: limit)
            } catch {
                var error = error
                error.key = change.key.text
                throw error
            }
        }
    }
}
