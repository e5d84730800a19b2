import HTTPEngine
import Rollcall

/// WebSockets: bytes both ways, as they come.
extension ProxiedRequest {
    /// Forwards the answer that opens a WebSocket, and then bytes until either side ends.
    mutating func tunnel(_ head: ResponseHead, to upstream: HTTPConnection) async throws {
        let client = self.exchange.connection
        // Either end is read, so that what came before it still arrives.
        client.socket.onHangup(nil)
        self.loop.counters.add(.tunnels)
        ForwardedHead.write(head, framing: .none, for: self.exchange, into: &client.output)
        self.exchange.didRespond(isComplete: false)
        try await self.exchange.flush()
        var outbound = Pipe(from: client, to: upstream)
        var inbound = Pipe(from: upstream, to: client)
        var timeout: ConnectionError?
        while true {
            let outboundMoved = try outbound.move()
            let inboundMoved = try inbound.move()
            if outbound.hasEnded || inbound.hasEnded { return }
            await self.giveWay(after: 16384)
            guard !outboundMoved, !inboundMoved else {
                timeout = nil
                continue
            }
            // One that nobody uses ends as it would if either side closed it.
            guard timeout == nil else { return }
            let limit = self.proxy.configuration.tunnelIdleTimeout
            timeout = try await self.wait(for: outbound.wish, or: inbound.wish, atMost: limit)
        }
    }
}

/// Bytes from one connection to another; no more are taken than the other takes.
private struct Pipe {
    private let source: HTTPConnection
    private let target: HTTPConnection
    private(set) var hasEnded = false

    init(from source: HTTPConnection, to target: HTTPConnection) {
        self.source = source
        self.target = target
    }

    /// What to wait for when nothing could be moved.
    var wish: (socket: Socket, direction: Socket.Direction) {
        self.target.output.isEmpty ? (self.source.socket, .reading) : (self.target.socket, .writing)
    }

    /// Moves what can be moved without waiting.
    ///
    /// - Returns: Whether anything was.
    mutating func move() throws(ConnectionError) -> Bool {
        if self.target.output.isEmpty {
            if self.source.isInputEmpty {
                guard let isOpen = try self.source.receiveNow() else { return false }
                guard isOpen else {
                    self.hasEnded = true
                    return true
                }
            }
            self.source.moveReceived(to: self.target)
        }
        return try self.target.sendNow() > 0
    }
}
