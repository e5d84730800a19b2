/// The snapshots of one or several services, the current one of each first.
///
/// A reader always gets the latest state: a slow one skips what is between, without cost to anybody. The sequence
/// ends when its scope does, and throws `cancelled` when the reading task is cancelled. It may be iterated again;
/// what one iterator took, another does not get.
public struct ServiceUpdates: AsyncSequence, Sendable {
    /// What is read.
    public typealias Element = ServiceSnapshot
    /// What reading throws.
    public typealias Failure = BackendError

    let mailbox: SnapshotMailbox
    let filter: InstanceFilter

    /// Reads one snapshot after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let mailbox: SnapshotMailbox
        private var view: FilteredView

        init(mailbox: SnapshotMailbox, filter: InstanceFilter) {
            self.mailbox = mailbox
            self.view = FilteredView(filter)
        }

        /// Waits for the next snapshot.
        ///
        /// - Returns: The snapshot, or `nil` when the discovery ended.
        /// - Throws: `cancelled` when the task is cancelled.
        public mutating func next() async throws(BackendError) -> ServiceSnapshot? {
            while let snapshot = try await self.mailbox.next() {
                if let news = self.view.news(in: snapshot) { return news.shown }
            }
            return nil
        }

        /// Waits for the next snapshot on the caller's actor.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(BackendError) -> ServiceSnapshot? {
            try await self.next()
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(mailbox: self.mailbox, filter: self.filter)
    }
}

/// What changes about one or several services, as events between the snapshots that the reader was given.
///
/// The first events register what is there. Since they are derived from the latest state when the reader asks, a
/// slow reader gets the net change and nothing can overflow.
public struct ServiceEvents: AsyncSequence, Sendable {
    /// What is read.
    public typealias Element = ServiceEvent
    /// What reading throws.
    public typealias Failure = BackendError

    let mailbox: SnapshotMailbox
    let filter: InstanceFilter

    /// Reads one event after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let mailbox: SnapshotMailbox
        private var view: FilteredView
        private var pending: ArraySlice<ServiceEvent> = []

        init(mailbox: SnapshotMailbox, filter: InstanceFilter) {
            self.mailbox = mailbox
            self.view = FilteredView(filter)
        }

        /// Waits for the next event.
        ///
        /// - Returns: The event, or `nil` when the discovery ended.
        /// - Throws: `cancelled` when the task is cancelled.
        public mutating func next() async throws(BackendError) -> ServiceEvent? {
            while self.pending.isEmpty {
                guard let snapshot = try await self.mailbox.next() else { return nil }
                guard let (shown, former) = self.view.news(in: snapshot) else { continue }
                self.pending = shown.events(since: former)[...]
            }
            return self.pending.removeFirst()
        }

        /// Waits for the next event on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BackendError) -> ServiceEvent? {
            try await self.next()
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(mailbox: self.mailbox, filter: self.filter)
    }
}
