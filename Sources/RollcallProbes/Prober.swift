import HTTPEngine
public import Rollcall
import Synchronization

/// Checks instances by connecting to them, by HTTP or by the gRPC health checking protocol.
///
/// All endpoints of an instance are checked but those of the scheme `unix`. The instance passes when all of them pass,
/// and fails when one of them failed ``ProbeConfiguration/failureThreshold`` times in a row, until that one has passed
/// ``ProbeConfiguration/successThreshold`` times in a row. What was found out about an endpoint lasts as long as the
/// instance lists it: an endpoint that changes is checked anew, at once. An instance with no endpoint that can be
/// checked stays ``ProbeVerdict/unknown``.
///
/// A check that fails for want of something on this side, such as a descriptor, a route or an answer of the resolver,
/// counts neither way. What was found out longer ago than ``ProbeConfiguration/maximumAge`` is forgotten.
public final class Prober: InstanceProber {
    private typealias Table = ProbeTable<EndpointCheck>

    private struct State {
        var table: Table
        var isRunning = false
        /// The number of checks under way.
        var active = 0
        /// Until when the scheduler sleeps, unless it is awakened; `nil` for without end.
        var sleepsUntil: TimeSource.Instant?
        var wake: Signal?
        /// When the log may be told next of a check that this side could not do.
        var nextWarning: TimeSource.Instant?

        /// What to raise so that the scheduler does not oversleep what there is to do now.
        mutating func takeWake() -> Signal? {
            let isSooner = self.table.next.map { next in self.sleepsUntil.map { next < $0 } ?? true } ?? false
            guard isSooner || self.table.hasReports else { return nil }
            self.sleepsUntil = self.table.next
            return self.wake
        }
    }

    private struct Turn {
        var attempts: [Table.Attempt] = []
        var reports: [ProbeReport]
        var next: TimeSource.Instant?
        let wake: Signal
    }

    /// How long checks wait for others to be done with, so that the thread is awakened once for many.
    private static let tick = Duration.milliseconds(50)

    private let configuration: ProbeConfiguration
    private let environment: EndpointCheck.Environment
    private let log: Log
    private let state: Mutex<State>

    /// Creates a prober, which checks nothing until ``run(reporting:)``.
    ///
    /// - Parameter configuration: How to behave.
    /// - Throws: A ``Rollcall/ValidationError`` for a configuration that makes no sense.
    public init(configuration: ProbeConfiguration = ProbeConfiguration()) throws(ValidationError) {
        try configuration.check()
        let environment = EndpointCheck.Environment(configuration)
        let (kind, path) = (configuration.kind, configuration.path)
        self.configuration = configuration
        self.environment = environment
        self.log = configuration.log.component("prober")
        self.state = Mutex(
            State(
                table: ProbeTable(rules: configuration.rules) { endpoint, wish in
                    // What makes no sense is refused where instances are registered, if anywhere.
                    let wished = wish.flatMap { try? ProbeConfiguration.Kind(text: $0) }
                    return EndpointCheck(endpoint, kind: wished ?? kind, path: path, environment: environment)
                }
            )
        )
    }

    /// The number of checks under way.
    package var activeChecks: Int { self.state.withLock { $0.active } }

    /// The number of connections that rest between checks.
    package var restingConnections: Int { self.environment.allowance.count }

    /// See ``Rollcall/InstanceProber/track(_:of:)``.
    ///
    /// - Parameters:
    ///   - instances: What to check.
    ///   - service: The service that they belong to.
    public func track(_ instances: [ServiceInstance], of service: ServiceName) {
        self.track(instances, of: RegistryTable.Place(namespace: .default, service: service))
    }

    /// Does the same for a service in its namespace.
    package func track(_ instances: [ServiceInstance], of place: RegistryTable.Place) {
        let now = self.configuration.clock.now
        let wake = self.state.withLock { state -> Signal? in
            state.table.track(instances, of: place, at: now)
            return state.takeWake()
        }
        wake?.raise()
    }

    /// Checks what is tracked until the task is cancelled; what was found out is forgotten then.
    ///
    /// - Parameter report: Told each change. The prober calls it from one thread, one report after the other.
    /// - Throws: `alreadyRunning`; `unavailable` when the process has no descriptor left for an event loop.
    public func run(reporting report: @escaping @Sendable (ProbeReport) -> Void) async throws(BackendError) {
        let loop: EventLoop
        do throws(SystemError) {
            loop = try EventLoops.running().next()
        } catch {
            throw BackendError(.unavailable, "no event loop can be started: \(error)", cause: error)
        }
        let isFirst = self.state.withLock { state in
            defer { state.isRunning = true }
            if !state.isRunning { state.table.reset(at: self.configuration.clock.now) }
            return !state.isRunning
        }
        guard isFirst else { throw BackendError(.alreadyRunning, "run() of this prober runs already") }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await withDiscardingTaskGroup { group in
            // Its child tasks prefer the loop, too, so that no check changes threads.
            group.addTask(executorPreference: loop) { await self.probe(on: loop, report) }
        }
        self.state.withLock { state in
            state.table.reset(at: self.configuration.clock.now)
            state.isRunning = false
        }
    }
}

extension Prober {
    private func probe(on loop: EventLoop, _ report: @escaping @Sendable (ProbeReport) -> Void) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let turn = self.takeTurn()
                self.deliver(turn.reports, to: report)
                for attempt in turn.attempts {
                    group.addTask { await self.work(on: attempt, loop, report) }
                }
                await self.sleep(until: turn.next, or: turn.wake)
            }
        }
    }

    private func takeTurn() -> Turn {
        let now = self.configuration.clock.now
        return self.state.withLock { state in
            state.table.expire(at: now)
            var turn = Turn(reports: state.table.takeReports(), wake: Signal())
            while state.active < self.configuration.concurrency, let attempt = state.table.takeDue(at: now) {
                state.active += 1
                turn.attempts.append(attempt)
            }
            // Nothing is due before the tick that would not wait for those that are under way.
            turn.next = state.table.next.map { max($0, now.advanced(by: Self.tick)) }
            state.sleepsUntil = turn.next
            state.wake = turn.wake
            return turn
        }
    }

    private func sleep(until next: TimeSource.Instant?, or wake: Signal) async {
        guard let next else { return await wake.wait() }
        let clock = self.configuration.clock
        if clock.now.duration(to: next) <= Self.tick {
            try? await clock.sleep(until: next, tolerance: nil)
        } else {
            await race {
                await wake.wait()
            } _: {
                try? await clock.sleep(until: next, tolerance: nil)
            }
        }
    }

    /// Does a check, and then others that have come due meanwhile.
    private func work(
        on first: Table.Attempt,
        _ loop: EventLoop,
        _ report: @escaping @Sendable (ProbeReport) -> Void
    ) async {
        let interval = self.configuration.interval
        var next: Table.Attempt? = first
        while let attempt = next {
            let outcome = await attempt.target.run(on: loop)
            // What a cancelled check came to says nothing about its endpoint.
            guard !Task.isCancelled else { break }
            let now = self.configuration.clock.now
            let (following, reports, warns, wake) = self.state.withLock { state in
                state.table.finish(attempt.token, outcome, at: now)
                let following = state.table.takeDue(at: now)
                let reports = state.table.takeReports()
                let warns = Self.warns(of: outcome, at: now, every: interval, &state.nextWarning)
                return (following, reports, warns, state.takeWake())
            }
            wake?.raise()
            // No await stands between this and the lock, so that reports leave in order.
            self.deliver(reports, to: report)
            if warns { self.log(.warning, "an instance cannot be checked from here: \(outcome.message)") }
            next = following
        }
        self.state.withLock { $0.active -= 1 }
    }

    /// Whether the log is told: of many, once in an interval.
    private static func warns(
        of outcome: ProbeOutcome,
        at now: TimeSource.Instant,
        every interval: Duration,
        _ nextWarning: inout TimeSource.Instant?
    ) -> Bool {
        guard case .inconclusive = outcome, nextWarning.map({ $0 <= now }) ?? true else { return false }
        nextWarning = now.advanced(by: interval)
        return true
    }

    private func deliver(_ reports: [ProbeReport], to report: @Sendable (ProbeReport) -> Void) {
        for change in reports {
            self.log(.debug, "\(change.service)/\(change.id) \(change.verdict.rawValue): \(change.message)")
            report(change)
        }
    }
}
