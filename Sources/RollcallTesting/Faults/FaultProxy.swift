import HTTPEngine
public import Rollcall
import Synchronization

/// A TCP proxy on the way to a server, which does to connections what networks do.
public final class FaultProxy: Sendable {
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
        /// Connections are closed at once.
        case refuse
    }

    private struct State {
        var mode = Mode.forward
        var connections: [UInt64: (client: Socket, server: Socket?)] = [:]
        var nextNumber: UInt64 = 0
        var changed = Signal()
    }

    private let listener: TCPListener
    private let target: Origin
    private let pool: ConnectionPool
    private let state = Mutex(State())

    /// Listens on a free port of 127.0.0.1.
    ///
    /// - Parameter port: The port of the server on 127.0.0.1.
    /// - Throws: `unavailable` when the system gives no port.
    public init(to port: Int) throws(BackendError) {
        self.target = Origin(host: "127.0.0.1", port: port)
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
    public var connectionCount: Int { self.state.withLock { $0.connections.count } }

    /// What happens to what passes from now on, on open connections, too.
    public var mode: Mode {
        get { self.state.withLock { $0.mode } }
        set {
            let changed = self.state.withLock { state in
                state.mode = newValue
                defer { state.changed = Signal() }
                return state.changed
            }
            changed.raise()
            if newValue == .refuse { self.cut() }
        }
    }

    /// Breaks every open connection.
    public func cut() {
        for (client, server) in self.state.withLock({ Array($0.connections.values) }) {
            client.abort()
            server?.abort()
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
        let number = self.state.withLock { state in
            state.nextNumber += 1
            state.connections[state.nextNumber] = (client, nil)
            return state.nextNumber
        }
        defer { self.state.withLock { _ = $0.connections.removeValue(forKey: number) } }
        guard let server = try? await self.pool.connect(to: self.target) else { return }
        defer { server.close() }
        self.state.withLock { state in
            if state.connections[number] != nil { state.connections[number] = (client, server) }
        }
        guard self.mode != .refuse else { return }
        await race {
            await self.pump(from: client, to: server)
        } _: {
            await self.pump(from: server, to: client)
        }
    }

    private func pump(from source: Socket, to target: Socket) async {
        let (input, output) = (HTTPConnection(source), HTTPConnection(target))
        await withTaskCancellationHandler {
            while (try? await input.receive(until: nil)) == true {
                output.output = input.takeReceived()
                guard await self.mayPass(output.output.count), (try? await output.flush(until: nil)) != nil else {
                    break
                }
            }
        } onCancel: {
            source.abort()
            target.abort()
        }
    }

    /// Waits as the mode wants it; returns false when the task is cancelled.
    private func mayPass(_ count: Int) async -> Bool {
        let clock = self.pool.loop.clock
        while !Task.isCancelled {
            let (mode, changed) = self.state.withLock { ($0.mode, $0.changed) }
            switch mode {
            case .forward: return true
            case .delay(let duration): return (try? await clock.sleep(for: duration)) != nil
            case .throttle(let rate):
                return (try? await clock.sleep(for: .seconds(Double(count) / Double(max(1, rate))))) != nil
            case .halfOpen: await changed.wait()
            case .refuse: return false
            }
        }
        return false
    }
}
