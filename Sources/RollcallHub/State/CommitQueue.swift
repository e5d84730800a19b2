import Rollcall
import Synchronization

/// Jobs that wait for the next commit, in the order in which they came.
final class CommitQueue: Sendable {
    /// Makes its changes in a commit, and returns what is to be done once the commit's outcome is known.
    typealias Job = @Sendable (inout StateCommit) -> Completion
    /// Tells who waits; an error is why the commit could not be made.
    typealias Completion = @Sendable (BackendError?) -> Void

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let wake = KeyedMailbox<Bool, Void>()

    /// How many jobs wait.
    var count: Int { self.state.withLock { $0.jobs.count } }

    /// Adds a job.
    ///
    /// - Returns: False after the end, when the job is not run.
    func add(_ job: @escaping Job) -> Bool {
        let isFirst = self.state.withLock { state -> Bool? in
            guard !state.isClosed else { return nil }
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if isFirst == true { self.wake.offer((), for: true) }
        return isFirst != nil
    }

    /// Waits for jobs and takes all that there are.
    ///
    /// - Returns: At least one job, but for a wake-up in vain; `nil` when the task is cancelled.
    func takeAll() async -> [Job]? {
        while !Task.isCancelled {
            let jobs = self.take()
            if !jobs.isEmpty { return jobs }
            _ = try? await self.wake.next()
        }
        return nil
    }

    /// Takes no more jobs, and returns those that are left.
    func close() -> [Job] {
        self.state.withLock { $0.isClosed = true }
        return self.take()
    }

    private func take() -> [Job] {
        self.state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
    }
}
