import GRPCEngine
import Rollcall
import Synchronization

/// Asks a watch that is silent whether it still runs: a connection may answer long after a server stopped telling changes.
///
/// The answer also moves the revision from which the watch goes on, so that the history of a quiet range may be compacted.
/// A proxy of etcd's own and a watch that has fallen behind answer nothing, though nothing may be wrong: so one that is mute
/// is ended only to be checked against a list, as are all on servers that lose events.
final class EtcdWatchProbe: Sendable {
    private let interval: Duration
    private let patience: Duration
    private let clock: TimeSource
    private let first: Int64
    private let current: @Sendable () async -> Int64?
    private let messages = Atomic(0)
    private let muteness = Atomic(false)
    /// How often it asks within its patience: a server drops a question while the watch catches up.
    private static let attempts = 4

    /// Creates a probe of one stream.
    ///
    /// - Parameters:
    ///   - interval: After how long in silence it asks.
    ///   - patience: How long it waits for the answer.
    ///   - clock: The monotonic clock.
    ///   - first: The revision that the watch begins with; a server says nothing of progress before it is there
    ///     (`progressIfSync` in etcd's `watchable_store.go`).
    ///   - current: The server's revision now.
    init(
        interval: Duration,
        patience: Duration,
        clock: TimeSource,
        from first: Int64,
        current: @escaping @Sendable () async -> Int64?
    ) {
        self.interval = interval
        self.patience = patience
        self.clock = clock
        self.first = first
        self.current = current
    }

    /// Takes note of a message.
    func hear() { self.messages.wrappingAdd(1, ordering: .relaxed) }

    /// Whether the stream was ended because it answered nothing.
    var isMute: Bool { self.muteness.load(ordering: .relaxed) }

    /// Asks until the task is cancelled; a stream that answers nothing is ended.
    func run(on stream: GRPCStream) async {
        var generator = SplitMix64()
        var mustAnswer = false
        while true {
            // Watches that began together do not ask together.
            let interval = self.interval * Double.random(in: 0.8...1.2, using: &generator)
            guard let isSilent = await self.isSilent(for: interval) else { return }
            guard isSilent else { continue }
            if !mustAnswer { mustAnswer = await self.current().map { $0 >= self.first } ?? false }
            guard mustAnswer, await self.isUnanswered(on: stream) else { continue }
            self.muteness.store(true, ordering: .relaxed)
            return stream.giveUp("the watch did not say within \(self.patience.text) how far it has come")
        }
    }

    private func isUnanswered(on stream: GRPCStream) async -> Bool {
        for _ in 0..<Self.attempts {
            stream.send(EtcdWatchRequest.progress)
            guard await self.isSilent(for: self.patience / Self.attempts) == true else { return false }
        }
        return true
    }

    /// Whether nothing comes for a while; `nil` when the task was cancelled meanwhile.
    private func isSilent(for duration: Duration) async -> Bool? {
        let before = self.messages.load(ordering: .relaxed)
        do throws(BackendError) {
            try await self.clock.pause(for: duration)
        } catch {
            return nil
        }
        return self.messages.load(ordering: .relaxed) == before
    }
}
