import Synchronization

/// Work that outlives the call that began it, in one task group of whoever runs the queue.
package final class JobQueue: Sendable {
    /// One piece of work.
    package typealias Job = @Sendable () async -> Void

    private let mailbox = KeyedMailbox<UInt64, Job>()
    private let count = Atomic<UInt64>(0)

    /// Creates a queue without work.
    package init() {}

    /// Adds work, which begins at once while ``run()`` runs.
    package func add(_ job: @escaping Job) {
        self.mailbox.offer(job, for: self.count.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// Does the work until the task is cancelled, which cancels all that is under way.
    package func run() async {
        await withDiscardingTaskGroup { group in
            while let job = try? await self.mailbox.next() { group.addTask { await job() } }
            group.cancelAll()
        }
    }
}
