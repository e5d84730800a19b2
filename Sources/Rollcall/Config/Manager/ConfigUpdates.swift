/// What is known of keys, after each change; the current state of each first.
///
/// A reader always gets the latest state: a slow one skips what is between, without cost to anybody. The sequence ends
/// when its scope or the manager does, and throws `cancelled` when the reading task is cancelled.
public struct ConfigUpdates: AsyncSequence, Sendable {
    /// What is read.
    public typealias Element = ConfigUpdate
    /// What reading throws.
    public typealias Failure = BackendError

    let manager: ConfigManager
    let mailbox: ConfigManager.ChangeMailbox

    /// Reads one update after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let manager: ConfigManager
        let mailbox: ConfigManager.ChangeMailbox
        private var seen: [ConfigKey: ConfigSeen] = [:]

        init(manager: ConfigManager, mailbox: ConfigManager.ChangeMailbox) {
            self.manager = manager
            self.mailbox = mailbox
        }

        /// Waits for the next update.
        ///
        /// - Returns: The update, or `nil` when the manager ended.
        /// - Throws: `cancelled` when the task is cancelled.
        public mutating func next() async throws(BackendError) -> ConfigUpdate? {
            while let key = try await self.mailbox.next() {
                guard let (update, mark) = self.manager.news(of: key, since: self.seen[key], wantsAll: true) else {
                    continue
                }
                self.seen[key] = mark
                return update
            }
            return nil
        }

        /// Waits for the next update on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BackendError) -> ConfigUpdate? {
            try await self.next()
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(manager: self.manager, mailbox: self.mailbox)
    }
}
