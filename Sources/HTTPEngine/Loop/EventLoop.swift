package import Rollcall
import Synchronization

/// One thread that waits for sockets and runs the tasks that wait for them, so that a request never changes threads.
///
/// Tasks prefer it by `group.addTask(executorPreference:)`. It lasts as long as the process, as the global executor
/// does.
package final class EventLoop: TaskExecutor {
    private struct Deadline: Sendable {
        let token: UInt64
        let due: TimeSource.Instant
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var isPolling = false
        var sockets: [UInt64: Socket] = [:]
        var nextToken: UInt64 = 1
        var wheel: LeaseWheel<Deadline>
    }

    /// How fine the deadlines of sockets are told.
    private static let tick = Duration.milliseconds(50)

    /// What deadlines are measured by.
    package let clock: TimeSource
    /// Its place among the loops of the process.
    package let number: Int
    private let poller: Poller
    private let state: Mutex<State>

    /// Starts a loop.
    ///
    /// - Parameters:
    ///   - number: Its place among the loops of the process.
    ///   - clock: What deadlines are measured by; all loops of a process share one.
    /// - Throws: A ``SystemError`` when the process has no descriptor left.
    init(number: Int, clock: TimeSource) throws(SystemError) {
        self.number = number
        self.clock = clock
        self.poller = try Poller()
        self.state = Mutex(State(wheel: LeaseWheel(tick: Self.tick, now: clock.now)))
        try SystemThread.start { self.run() }
    }

    /// Runs a job on the loop's thread, soon.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustWake = self.state.withLock { state in
            state.jobs.append(job)
            defer { state.isPolling = false }
            return state.isPolling
        }
        if mustWake { self.poller.wake() }
    }

    /// Adopts a descriptor, which from now on is the socket's.
    ///
    /// - Parameters:
    ///   - descriptor: The descriptor.
    ///   - tls: What the socket speaks TLS with, if it is to.
    /// - Returns: The socket.
    /// - Throws: A ``SystemError``; the descriptor is closed then, too.
    func adopt(_ descriptor: Int32, tls: TLSSession? = nil) throws(SystemError) -> Socket {
        let socket = self.state.withLock { state in
            let token = state.nextToken
            state.nextToken += 1
            let socket = Socket(descriptor: descriptor, token: token, loop: self, tls: tls)
            state.sockets[token] = socket
            return socket
        }
        do throws(SystemError) {
            try self.poller.add(descriptor, token: socket.token)
        } catch {
            socket.close()
            throw error
        }
        return socket
    }

    /// Forgets a socket, which is about to be closed.
    func forget(_ token: UInt64) {
        self.state.withLock { _ = $0.sockets.removeValue(forKey: token) }
    }

    /// Looks at a socket's deadlines at `moment`.
    func schedule(_ token: UInt64, at moment: TimeSource.Instant) {
        let mustWake = self.state.withLock { state in
            state.wheel.insert(Deadline(token: token, due: moment), due: moment)
            // A loop that waits without end must begin to tick.
            guard state.wheel.count == 1, state.isPolling else { return false }
            state.isPolling = false
            return true
        }
        if mustWake { self.poller.wake() }
    }

    private func run() {
        let executor = self.asUnownedTaskExecutor()
        var jobs: [UnownedJob] = []
        var ready: [(Socket, Readiness)] = []
        var events: [Poller.Event] = []
        while true {
            self.state.withLock { swap(&$0.jobs, &jobs) }
            for job in jobs { job.runSynchronously(on: executor) }
            jobs.removeAll(keepingCapacity: true)
            self.poller.wait(milliseconds: self.beginPolling()) { events.append($0) }
            self.state.withLock { state in
                state.isPolling = false
                for event in events {
                    if let socket = state.sockets[event.token] { ready.append((socket, event.readiness)) }
                }
            }
            for (socket, readiness) in ready { socket.becomeReady(readiness) }
            events.removeAll(keepingCapacity: true)
            ready.removeAll(keepingCapacity: true)
            self.checkDeadlines()
        }
    }

    private func beginPolling() -> Int32 {
        self.state.withLock { state in
            guard state.jobs.isEmpty else { return 0 }
            state.isPolling = true
            return state.wheel.count == 0 ? -1 : Int32(Self.tick / .milliseconds(1))
        }
    }

    private func checkDeadlines() {
        let now = self.clock.now
        let due = self.state.withLock { state in
            state.wheel.advance(to: now).compactMap { entry -> Socket? in
                if entry.due > now, state.sockets[entry.token] != nil {
                    // The wheel does not span that long, and asks in between.
                    state.wheel.insert(entry, due: entry.due)
                    return nil
                }
                return state.sockets[entry.token]
            }
        }
        for socket in due { socket.checkDeadlines(at: now) }
    }
}
