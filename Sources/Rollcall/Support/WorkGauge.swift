import Synchronization

/// Counts the long-lived work that Rollcall has under way in this process: watches, leases kept alive, waiters.
///
/// It is the figure `rollcall.work.active`. When everything that was opened is closed, it is back where it was.
public enum WorkGauge {
    private static let count = Atomic<Int>(0)

    /// The number of pieces of work under way now.
    public static var active: Int { self.count.load(ordering: .relaxed) }

    /// Counts one more piece; ``leave()`` must follow, by `defer`.
    package static func enter() {
        self.count.wrappingAdd(1, ordering: .relaxed)
    }

    /// Ends what ``enter()`` began.
    package static func leave() {
        self.count.wrappingSubtract(1, ordering: .relaxed)
    }
}
