/// When a snapshot is written, as a value: only after a change, seldom, and more seldom while it fails.
///
/// The owner tells what happens and sleeps until ``nextWrite(after:)``.
package struct SnapshotWriteSchedule: Hashable, Sendable {
    private let interval: Duration
    private let pauses: Backoff
    /// No write before this.
    private var earliest: TimeSource.Instant?
    /// Whether there is something that no write has begun to keep.
    private var hasChanges = false
    private var isWriting = false
    private var failures = 0

    /// The greatest pause after failures, unless the interval is greater.
    package static let longestPause = Duration.seconds(60)

    /// Creates a schedule by which nothing needs writing.
    ///
    /// - Parameter interval: The least time from the end of one write to the next; 5 s by default.
    package init(interval: Duration = .seconds(5)) {
        self.interval = max(interval, .zero)
        self.pauses = Backoff(base: max(interval, .seconds(1)), factor: 2, cap: max(interval, Self.longestPause))
    }

    /// Something changed.
    package mutating func changed() {
        self.hasChanges = true
    }

    /// Tells when to write.
    ///
    /// - Parameter now: The present moment.
    /// - Returns: The moment, which is `now` for at once; `nil` when nothing changed, and while a write goes on.
    package func nextWrite(after now: TimeSource.Instant) -> TimeSource.Instant? {
        guard self.hasChanges, !self.isWriting else { return nil }
        return max(now, self.earliest ?? now)
    }

    /// A write begins: it keeps all changes so far, and those that come while it goes on need another.
    package mutating func began() {
        self.hasChanges = false
        self.isWriting = true
    }

    /// The write that began succeeded.
    ///
    /// - Parameter now: The present moment.
    package mutating func written(at now: TimeSource.Instant) {
        self.isWriting = false
        self.failures = 0
        self.earliest = now.advanced(by: self.interval)
    }

    /// The write that began failed.
    ///
    /// - Parameter now: The present moment.
    package mutating func failed(at now: TimeSource.Instant) {
        self.isWriting = false
        self.hasChanges = true
        self.failures += 1
        self.earliest = now.advanced(by: self.pauses.bound(before: self.failures))
    }
}
