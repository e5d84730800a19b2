import HTTPEngine
import Rollcall
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What of the hub survives a power cut: what is committed in memory, and one task that commits.
///
/// Changes that come while a commit waits for the disk go into the next one together, so that many writers share a sync.
/// Readers see what is on the disk, and only that.
final class HubState: Sendable {
    let file: StateFile
    let feed: ConfigFeed
    private let config: Mutex<ConfigTable>
    private let queue = CommitQueue()
    private let failure = Mutex<BackendError?>(nil)
    private let isRunning = Atomic(false)
    private let log: Log

    /// Takes over what a file has.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - contents: What it has.
    ///   - log: Where it says what happens.
    init(_ file: StateFile, _ contents: StateContents, log: Log) {
        self.file = file
        self.feed = ConfigFeed()
        self.log = log
        // Earlier states are read from the file.
        var table = ConfigTable(revision: contents.revision, historyLimit: 1)
        for (place, item) in contents.states { table.restore(item, at: place, revision: 0) }
        for (place, candidate) in contents.candidates { table.restore(candidate, at: place, revision: 0) }
        self.config = Mutex(table)
    }

    /// Whether changes are taken: false from a commit that failed to the next that does not.
    var isWritable: Bool { self.failure.withLock { $0 == nil } }

    /// Reads what is committed.
    func read<Value: Sendable>(_ body: (borrowing ConfigTable) -> Value) -> Value {
        self.config.withLock { body($0) }
    }

    /// What is committed, as a copy that later commits leave alone.
    var snapshot: ConfigTable { self.config.withLock { $0 } }

    /// Runs a job in the next commit, and returns once that is on the disk.
    ///
    /// - Parameters:
    ///   - undo: Called on the committing task when the job was run and the commit failed.
    ///   - body: The job; when it throws, it must have changed nothing.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `unavailable` when the commit fails; `closed` after the end.
    func commit<Value: Sendable>(
        undo: (@Sendable (Value) -> Void)? = nil,
        _ body: @escaping @Sendable (inout StateCommit) throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        let result: Result<Value, BackendError> = await withCheckedContinuation { continuation in
            let isTaken = self.queue.add { commit in
                do throws(BackendError) {
                    let value = try body(&commit)
                    return { failure in
                        if failure != nil { undo?(value) }
                        continuation.resume(returning: failure.map { .failure($0) } ?? .success(value))
                    }
                } catch {
                    return { failure in
                        // It was refused because of what came before it in the commit, and that is not there.
                        var reason = failure ?? error
                        reason.applied = .no
                        continuation.resume(returning: .failure(reason))
                    }
                }
            }
            if !isTaken { continuation.resume(returning: .failure(Self.closed)) }
        }
        return try result.get()
    }

    /// Reads what is not in memory, once the commits before are made; a commit that fails is none of its business.
    ///
    /// - Parameter body: Reads from the file.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `closed` after the end.
    func readFile<Value: Sendable>(
        _ body: @escaping @Sendable (StateFile) throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        let result: Result<Value, BackendError> = await withCheckedContinuation { continuation in
            let isTaken = self.queue.add { commit in
                let result = Result { () throws(BackendError) in try body(commit.file) }
                return { _ in continuation.resume(returning: result) }
            }
            if !isTaken { continuation.resume(returning: .failure(Self.closed)) }
        }
        return try result.get()
    }

    /// How many jobs wait for the next commit.
    var waiting: Int { self.queue.count }

    /// Tries whether commits can be made again, after one that could not.
    func retryFailedCommit() async {
        guard !self.isWritable else { return }
        try? await self.commit { $0.write(.nothing) }
    }

    /// Commits until the task is cancelled; to be run where waiting for the disk keeps nobody.
    ///
    /// Called again meanwhile, it waits only.
    func run() async {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else { return await Signal().wait() }
        while let jobs = await self.queue.takeAll() { self.commit(jobs) }
        var commit = self.beginCommit()
        for job in self.queue.close() { job(&commit)(Self.closed) }
    }

    private func commit(_ jobs: [CommitQueue.Job]) {
        var commit = self.beginCommit()
        let completions = jobs.map { $0(&commit) }
        var failure: BackendError?
        if !commit.records.isEmpty {
            do throws(BackendError) {
                try self.file.commit(commit.records)
            } catch {
                failure = error
            }
            self.note(failure)
            if failure == nil { self.publish(commit) }
        }
        for completion in completions { completion(failure) }
    }

    private func beginCommit() -> StateCommit {
        StateCommit(self.read { $0.emptyPart }, file: self.file, date: Date()) { part, place in
            self.config.withLock { part.take(place, from: $0) }
        }
    }

    private func publish(_ commit: StateCommit) {
        let places = Set(commit.records.compactMap(\.configPlace))
        guard !places.isEmpty else { return }
        self.config.withLock { $0.take(places, from: commit.config) }
        for place in places { self.feed.publish(place) }
    }

    private func note(_ failure: BackendError?) {
        let former = self.failure.withLock { stored in
            defer { stored = failure }
            return stored
        }
        if let failure, former == nil { self.log(.error, "no change of configuration or locks is taken: \(failure)") }
        if failure == nil, former != nil { self.log(.info, "changes of configuration and locks are taken again") }
    }

    private static let closed = BackendError(.closed, "the hub ends")
}
