import HTTPEngine
public import Rollcall
import Synchronization

/// Ships messages to the log service in the background: the caller never waits, and memory is bounded.
///
/// What the service does not take in time is dropped, the oldest first, counted, and told in the next line that
/// arrives. A message is shipped at least once: one whose answer was lost may stand in the log twice.
///
/// ```swift
/// let shipper = LogShipper(sender: "web-1")
/// configuration.discovery.log = shipper.log()         // Rollcall's own messages, too
/// // … later, beside the client: try await shipper.run(through: client.discovery)
/// shipper.ship(.info, "ready")
/// ```
public final class LogShipper: Sendable {
    /// How a shipper behaves.
    public struct Configuration: Sendable {
        /// The name of the log service.
        public var service: ServiceName
        /// The most memory that messages take while they wait, in bytes.
        public var maximumBytes: Int
        /// How long one call may take.
        public var timeout: Duration
        /// How long shipping what is left may take once ``LogShipper/run(through:)`` is cancelled.
        public var farewell: Duration
        /// What measures pauses.
        public var clock: TimeSource

        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - service: `log` by default.
        ///   - maximumBytes: 1 MiB by default.
        ///   - timeout: 5 s by default.
        ///   - farewell: 2 s by default.
        ///   - clock: The monotonic clock by default.
        public init(
            service: ServiceName = LogService.name,
            maximumBytes: Int = 1 << 20,
            timeout: Duration = .seconds(5),
            farewell: Duration = .seconds(2),
            clock: TimeSource = TimeSource()
        ) {
            self.service = service
            self.maximumBytes = maximumBytes
            self.timeout = timeout
            self.farewell = farewell
            self.clock = clock
        }
    }

    private struct State {
        var queue: LogQueue
        /// What is being shipped, until it arrived.
        var batch = LogQueue.Batch()
    }

    /// The greatest message; what is longer is cut, because the service would refuse it.
    private static let maximumMessage = 8192
    private static let maximumBatch = 500
    private static let maximumBatchBytes = 48 << 10

    private let sender: String
    private let configuration: Configuration
    private let state: Mutex<State>
    private let bell = KeyedMailbox<Bool, Void>()
    private let isRunning = Atomic(false)

    /// Creates a shipper; messages wait until ``run(through:)``.
    ///
    /// - Parameters:
    ///   - sender: Who speaks, such as the service's name and instance; at most 128 bytes count.
    ///   - configuration: How to behave.
    public init(sender: String, configuration: Configuration = Configuration()) {
        self.sender = Self.cut(sender, to: 128)
        self.configuration = configuration
        self.state = Mutex(State(queue: LogQueue(maximumBytes: configuration.maximumBytes)))
    }

    /// How many messages were dropped so far.
    public var droppedCount: Int { self.state.withLock { $0.queue.dropped } }

    /// How many messages have not arrived yet.
    public var waitingCount: Int { self.state.withLock { $0.queue.count + $0.batch.entries.count } }

    /// Takes a message and returns at once, whatever becomes of it.
    ///
    /// - Parameters:
    ///   - level: How much it matters.
    ///   - message: What is said; an empty one is nothing.
    public func ship(_ level: Log.Level, _ message: String) {
        guard !message.allSatisfy(\.isNewline) else { return }
        let text = Self.cut(message, to: Self.maximumMessage)
        let entry = LogBatch.Entry(time: LogService.now, level: level, message: text)
        self.state.withLock { $0.queue.add(entry) }
        self.bell.offer((), for: true)
    }

    /// A log for Rollcall's own messages that ships them.
    ///
    /// - Parameter minimum: The least level to ship.
    /// - Returns: The log.
    public func log(minimum: Log.Level = .info) -> Log {
        Log(minimum: minimum) { level, component, message in self.ship(level, "\(component): \(message)") }
    }

    /// Ships messages until the task is cancelled; then what is left, for a short while.
    ///
    /// - Parameter discovery: Finds the log service. Whoever owns it runs it.
    /// - Throws: `alreadyRunning`; `unavailable` when the process has no descriptor left.
    public func run(through discovery: Discovery) async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run(through:) of a log shipper can be called once")
        }
        let poster = LogPoster(client: try HTTPClient(), timeout: self.configuration.timeout)
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        while !Task.isCancelled {
            await self.shipAll(discovery, poster)
            if (try? await self.bell.next()) == nil { break }
        }
        let (farewell, clock) = (self.configuration.farewell, self.configuration.clock)
        try? await withoutCancellation(deadline: farewell, clock: clock) { () async throws(BackendError) in
            await self.shipAll(discovery, poster)
        }
    }

    /// Ships until nothing is left or the task is cancelled.
    private func shipAll(_ discovery: Discovery, _ poster: LogPoster) async {
        var generator = SplitMix64()
        var attempt = 0
        while !Task.isCancelled, let batch = self.nextBatch() {
            do throws(BackendError) {
                try await self.ship(batch, discovery, poster)
                self.state.withLock { $0.batch = LogQueue.Batch() }
                attempt = 0
            } catch {
                guard error.code != .invalidArgument, error.code != .tooLarge else {
                    // It never will be taken, and must not hold up the others.
                    self.state.withLock { state in
                        state.queue.giveUp(state.batch)
                        state.batch = LogQueue.Batch()
                    }
                    continue
                }
                attempt += 1
                let pause = Backoff.background.pause(before: attempt, using: &generator)
                try? await self.configuration.clock.sleep(for: pause)
            }
        }
    }

    private func nextBatch() -> [LogBatch.Entry]? {
        let now = LogService.now
        return self.state.withLock { state in
            if state.batch.entries.isEmpty, !state.queue.isEmpty {
                let (count, bytes) = (Self.maximumBatch, Self.maximumBatchBytes)
                state.batch = state.queue.takeBatch(now: now, maximumCount: count, maximumBytes: bytes)
            }
            return state.batch.entries.isEmpty ? nil : state.batch.entries
        }
    }

    private func ship(
        _ entries: [LogBatch.Entry],
        _ discovery: Discovery,
        _ poster: LogPoster
    ) async throws(BackendError) {
        let json = LogBatch(sender: self.sender, entries: entries).json
        let isRetryable = { (error: any Error) in
            (error as? BackendError).map { $0.code == .unavailable || $0.code == .timeout } ?? false
        }
        do {
            try await discovery.withInstance(
                of: self.configuration.service,
                attempts: 3,
                within: self.configuration.timeout,
                retryingIf: isRetryable
            ) { instance in
                try await poster.post("/logs", "application/json", json, to: instance)
            }
        } catch let error as BackendError {
            throw error
        } catch {
            throw BackendError(.unavailable, "\(error)", operation: "log", cause: error)
        }
    }

    /// The beginning of a text that fits, at the border of a character.
    private static func cut(_ text: String, to maximum: Int) -> String {
        guard text.utf8.count > maximum else { return text }
        var result = String(decoding: text.utf8.prefix(maximum - 3), as: UTF8.self)
        while result.last == "\u{FFFD}" { result.removeLast() }
        return result + "…"
    }
}
