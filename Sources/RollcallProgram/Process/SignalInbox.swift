import Rollcall

/// Carries signals to the one who awaits them.
///
/// As the system does, it keeps one of each number that nobody took yet.
package final class SignalInbox: Sendable {
    private let mailbox = KeyedMailbox<Int32, ReceivedSignal>()

    /// Creates an empty inbox.
    package init() {}

    /// Puts a signal in.
    package func deliver(_ signal: ReceivedSignal) {
        self.mailbox.offer(signal, for: signal.number)
    }

    /// Waits for the next signal.
    ///
    /// - Returns: The signal, or `nil` when the task is cancelled.
    package func next() async -> ReceivedSignal? {
        (try? await self.mailbox.next()) ?? nil
    }
}
