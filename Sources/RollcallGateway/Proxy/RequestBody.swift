import HTTPEngine

/// The body of a request on its way to an instance.
struct RequestBody {
    private enum State {
        /// There is none, or all of it was handed on.
        case done
        /// All of it was received with the head, so that it can be sent more than once.
        case held([UInt8])
        /// Nothing of it was taken.
        case untouched
        /// Some of it was handed on.
        case underWay
    }

    /// The greatest body that is held.
    private static let maximumHeld = 65536

    /// How the instance is told of its end.
    let framing: BodyFraming
    private let exchange: HTTPExchange
    private var state: State

    /// Takes up the body of a request.
    init(_ exchange: HTTPExchange) {
        self.exchange = exchange
        self.framing = exchange.framing
        self.state = exchange.hasBody ? .untouched : .done
    }

    /// Whether nothing of it was lost for another attempt.
    var canRepeat: Bool {
        switch self.state {
        case .held, .untouched: true
        case .done: self.framing == .none || self.framing == .length(0)
        case .underWay: false
        }
    }

    /// Whether there is more of it to be handed on.
    var isUnderWay: Bool {
        switch self.state {
        case .done, .held: false
        case .untouched, .underWay: true
        }
    }

    /// Writes it behind the head, if all of it was received.
    mutating func writeIfReceived(to upstream: HTTPConnection) throws(MessageError) {
        if case .untouched = self.state, case .length(let count) = self.framing, count <= Self.maximumHeld,
            self.exchange.connection.receivedCount >= count, !self.exchange.awaitsContinue
        {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            while try self.exchange.takePiece({ bytes.append(contentsOf: $0) }) > 0 {}
            self.state = .held(bytes)
        }
        if case .held(let bytes) = self.state { upstream.output.append(contentsOf: bytes) }
    }

    /// Gives the rest up, because the instance takes no more.
    mutating func abandon() {
        self.state = .done
        self.exchange.closeAfterwards()
    }

    /// Hands on what can be handed on without waiting.
    ///
    /// - Returns: What to wait for before the next call; `nil` when something was handed on.
    /// - Throws: A ``ConnectionError`` of the client's connection, or a ``MessageError`` of its body.
    mutating func move(to upstream: HTTPConnection) throws -> (socket: Socket, direction: Socket.Direction)? {
        let client = self.exchange.connection
        if upstream.output.isEmpty {
            guard try self.take(into: upstream) else { return (client.socket, .reading) }
        }
        do throws(ConnectionError) {
            let sent = try upstream.sendNow()
            if upstream.output.isEmpty, !self.exchange.hasBody { self.state = .done }
            return sent > 0 || upstream.output.isEmpty ? nil : (upstream.socket, .writing)
        } catch {
            // It may have answered before it closed: whoever reads finds out.
            upstream.output = []
            self.abandon()
            return nil
        }
    }

    /// Takes a piece.
    ///
    /// - Returns: False when more must be received first.
    private mutating func take(into upstream: HTTPConnection) throws -> Bool {
        self.state = .underWay
        let isChunked = self.framing == .chunked
        while try self.exchange.takePiece({ BodyWriter.write($0, isChunked: isChunked, to: &upstream.output) }) == 0 {
            guard self.exchange.hasBody else { break }
            switch try self.exchange.connection.receiveNow() {
            case nil: return false
            case false?: throw ConnectionError(.broken, "the client left within its request")
            case true?: break
            }
        }
        if isChunked, !self.exchange.hasBody { BodyWriter.end(&upstream.output) }
        return true
    }
}
