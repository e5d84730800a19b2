import GRPCEngine
import Rollcall

/// Follows a range of keys from its state now on through all changes, across reconnects and compaction: what a watch of
/// etcd needs, as a value without network or clock.
struct EtcdFollower: Sendable {
    /// What is to be done next.
    enum Step: Hashable, Sendable {
        /// To read the whole range.
        case list
        /// To watch from a revision on.
        case watch(from: Int64)
    }

    /// What an answer of the watch means.
    enum Finding: Hashable, Sendable {
        /// The watch runs: what is known is true.
        case live
        /// The range changed.
        case changes([EtcdEvent])
        /// Nothing to tell.
        case nothing
        /// What is known cannot be followed any more: to read the range again.
        case lost(String)
        /// The server refuses the watch.
        case refused(String)
    }

    /// Whether progress that the server tells moves the point from which a watch goes on (etcd from 3.4.31 and 3.5.13).
    var trustsProgress = false
    private var cluster: UInt64?
    /// The connection on which the range was read, and is watched.
    private var connection: UInt64?
    /// The revision up to which everything is known.
    private var revision: Int64 = 0
    private var isListed = false
    private var fragments: [EtcdEvent] = []

    /// The revision from which a watch goes on.
    var nextRevision: Int64 { self.revision &+ 1 }

    /// What to do after the start, or when a watch broke.
    ///
    /// Behind a new connection may be a store that was made anew and has caught up, which its revisions do not show: there
    /// the range is read anew.
    ///
    /// - Parameter connection: The connection of now.
    /// - Returns: What to do.
    mutating func begin(on connection: UInt64) -> Step {
        self.fragments = []
        if connection != self.connection { self.isListed = false }
        self.connection = connection
        return self.isListed ? .watch(from: self.nextRevision) : .list
    }

    /// Takes note of what a read of the whole range found.
    mutating func listed(_ header: EtcdHeader) {
        self.cluster = header.cluster
        self.revision = header.revision
        self.isListed = true
    }

    /// Takes note that the watch was opened.
    ///
    /// - Parameter connection: The connection that it is on.
    /// - Returns: Whether it goes on from what was read; else the range is read again.
    mutating func opened(on connection: UInt64) -> Bool {
        guard connection == self.connection else {
            self.isListed = false
            return false
        }
        return true
    }

    /// Has the range be read again.
    mutating func distrust() { self.isListed = false }

    /// Takes an answer of the watch.
    mutating func receive(_ response: EtcdWatchResponse) -> Finding {
        if response.isCancelled {
            self.isListed = false
            if response.compactRevision > 0 {
                return .lost("the history from revision \(self.nextRevision) on was compacted")
            }
            return response.isCreated ? .refused(response.cancelReason) : .lost(response.cancelReason)
        }
        // Another cluster, or one that was restored from a backup, counts anew: what was known may never have been.
        guard response.header.cluster == self.cluster, response.header.revision >= self.revision else {
            self.isListed = false
            return .lost("the store was made anew or taken back to an earlier state")
        }
        if response.isCreated { return .live }
        self.fragments += response.events
        guard !response.isFragment else { return .nothing }
        let events = self.fragments.filter { $0.record.modRevision > self.revision }
        self.fragments = []
        if let last = events.last?.record.modRevision {
            self.revision = last
            return .changes(events)
        }
        if self.trustsProgress, response.events.isEmpty { self.revision = response.header.revision }
        return .nothing
    }
}
