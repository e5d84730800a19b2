import Synchronization

/// Counts from many tasks.
package final class Tally: Sendable {
    private let count = Atomic(0)

    /// Creates a tally at zero.
    package init() {}

    /// The count.
    package var value: Int { self.count.load(ordering: .sequentiallyConsistent) }

    /// Adds to the count.
    ///
    /// - Parameter number: How many.
    /// - Returns: The new count.
    @discardableResult
    package func add(_ number: Int = 1) -> Int {
        self.count.wrappingAdd(number, ordering: .sequentiallyConsistent).newValue
    }
}
