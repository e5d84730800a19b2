import HTTPEngine
public import Rollcall
import Synchronization

/// A TCP proxy on the way to a server, which does to connections what networks do.
public final class FaultProxy: Sendable {
    /// A way through the proxy.
    public enum Direction: Hashable, Sendable {
        /// What clients send.
        case toServer
        /// What the server sends.
        case toClient
    }

    /// What happens to what passes.
    public enum Mode: Hashable, Sendable {
        /// It passes.
        case forward
        /// It passes, each piece later by this much.
        case delay(Duration)
        /// It passes at this many bytes a second, each way.
        case throttle(Int)
        /// Connections are accepted and nothing passes, nor is anything closed: a peer that is gone without a word.
        case halfOpen
        /// The same in one direction, while the other one is free.
        case halfOpenOneWay(Direction)
        /// Connections are closed at once.
        case refuse
    }

    private struct Passage {
        var client: Socket
        var server: Socket?
        /// What the client sent first, to tell clients apart.
        var beginning: [UInt8] = []
    }

    private struct State {
        var mode = Mode.forward
        var target: Origin
        var isolated: [UInt8]?
        var passages: [UInt64: Passage] = [:]
        var nextNumber: UInt64 = 0
        var mostConnections = 0
        var changed = Signal()

        mutating func noteChange() -> Signal {
            defer { self.changed = Signal() }
            return self.changed
        }

        /// What happens to a connection.
        func mode(of number: UInt64) -> Mode {
            guard let isolated = self.isolated, let beginning = self.passages[number]?.beginning,
                !beginning.ranges(of: isolated).isEmpty
            else { return self.mode }
            return .halfOpen
        }
    }

    private let listener: TCPListener
    private let pool: ConnectionPool
    private let state: Mutex<State>

    /// Listens on a free port of 127.0.0.1.
    ///
    /// - Parameter port: The port of the server on 127.0.0.1.
    /// - Throws: `unavailable` when the system gives no port.
    public init(to port: Int) throws(BackendError) {
        self.state = Mutex(State(target: Origin(host: "127.0.0.1", port: port)))
        do throws(SystemError) {
            self.listener = try TCPListener(host: "127.0.0.1", port: 0)
            self.pool = ConnectionPool(loop: try EventLoops.running().next())
        } catch {
            throw BackendError(.unavailable, "no proxy can be started: \(error)")
        }
    }

    /// The port that it listens on.
    public var port: Int { self.listener.address.port }

    /// The number of connections that are open now.
    public var connectionCount: Int { self.state.withLock { $0.passages.count } }

    /// The number of connections that were accepted since the proxy listens.
    public var acceptedCount: Int { self.state.withLock { Int($0.nextNumber) } }

    /// The most connections that were open at one time.
    public var mostConnections: Int { self.state.withLock { $0.mostConnections } }

    /// What happens to what passes from now on, on open connections, too.
    public var mode: Mode {
        get { self.state.withLock { $0.mode } }
        set {
            let changed = self.state.withLock { state in
                state.mode = newValue
                return state.noteChange()
            }
            changed.raise()
            if newValue == .refuse { self.cut() }
        }
    }

    /// Leads connections that come from now on to another server.
    ///
    /// - Parameter port: Its port on 127.0.0.1.
    public func lead(to port: Int) {
        self.state.withLock { $0.target = Origin(host: "127.0.0.1", port: port) }
    }

    /// Lets nothing pass on connections of one client, as ``Mode/halfOpen`` does.
    ///
    /// - Parameter text: What stands in the first bytes that this client sends; `nil` for no client.
    public func isolate(_ text: String?) {
        self.state.withLock { state in
            state.isolated = text.map { Array($0.utf8) }
            return state.noteChange()
        }.raise()
    }

    /// Breaks every open connection.
    public func cut() {
        for passage in self.state.withLock({ Array($0.passages.values) }) {
            passage.client.abort()
            passage.server?.abort()
        }
    }

    /// Works until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while let client = await self.listener.accept() {
                    group.addTask { await self.carry(client) }
                }
            }
        } onCancel: {
            self.listener.close()
            self.cut()
        }
    }

    private func carry(_ client: Socket) async {
        defer { client.close() }
        guard self.mode != .refuse else { return }
        let (number, target) = self.state.withLock { state in
            state.nextNumber += 1
            state.passages[state.nextNumber] = Passage(client: client)
            state.mostConnections = max(state.mostConnections, state.passages.count)
            return (state.nextNumber, state.target)
        }
        defer { self.state.withLock { _ = $0.passages.removeValue(forKey: number) } }
        guard let server = try? await self.pool.connect(to: target) else { return }
        defer { server.close() }
        self.state.withLock { $0.passages[number]?.server = server }
        guard self.mode != .refuse else { return }
        await race {
            await self.pump(from: client, to: server, .toServer, number)
        } _: {
            await self.pump(from: server, to: client, .toClient, number)
        }
    }

    private func pump(from source: Socket, to target: Socket, _ direction: Direction, _ number: UInt64) async {
        let (input, output) = (HTTPConnection(source), HTTPConnection(target))
        await withTaskCancellationHandler {
            while (try? await input.receive(until: nil)) == true {
                output.output = input.takeReceived()
                if direction == .toServer { self.note(output.output, of: number) }
                guard await self.mayPass(output.output.count, direction, number),
                    (try? await output.flush(until: nil)) != nil
                else { break }
            }
        } onCancel: {
            source.abort()
            target.abort()
        }
    }

    private func note(_ bytes: [UInt8], of number: UInt64) {
        self.state.withLock { state in
            guard let beginning = state.passages[number]?.beginning, beginning.count < 1024 else { return }
            state.passages[number]?.beginning += bytes.prefix(1024)
        }
    }

    /// Waits as the mode wants it; returns false when the task is cancelled.
    private func mayPass(_ count: Int, _ direction: Direction, _ number: UInt64) async -> Bool {
        let clock = self.pool.loop.clock
        while !Task.isCancelled {
            let (mode, changed) = self.state.withLock { ($0.mode(of: number), $0.changed) }
            switch (mode, direction) {
            case (.forward, _), (.halfOpenOneWay(.toServer), .toClient),
                (.halfOpenOneWay(.toClient), .toServer):
                return true
            case (.delay(let duration), _): return (try? await clock.sleep(for: duration)) != nil
            case (.throttle(let rate), _):
                return (try? await clock.sleep(for: .seconds(Double(count) / Double(max(1, rate))))) != nil
            case (.halfOpen, _), (.halfOpenOneWay, _): await changed.wait()
            case (.refuse, _): return false
            }
        }
        return false
    }
}
