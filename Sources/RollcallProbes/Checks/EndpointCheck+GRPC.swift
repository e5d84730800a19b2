import HTTPEngine
import Rollcall

extension EndpointCheck {
    /// Asks by the gRPC health checking protocol, over a connection of its own.
    func ask(
        forHealthOf service: String,
        on loop: EventLoop,
        until deadline: TimeSource.Instant
    ) async throws(Failure) -> ProbeOutcome {
        let socket = try await self.connect(on: loop, until: deadline)
        defer {
            // A clean end would leave the system with a trace of each for a minute.
            socket.cutWhenClosed()
            socket.close()
        }
        let exchange = HealthExchange(service: service, authority: self.origin.description)
        let result: Result<ProbeOutcome, ConnectionError> = await withTaskCancellationHandler {
            do throws(ConnectionError) {
                return .success(try await self.carry(exchange, on: HTTPConnection(socket), until: deadline))
            } catch {
                return .failure(error)
            }
        } onCancel: {
            socket.abort()
        }
        switch result {
        case .success(.failed(let message)): return .failed("\(self.origin): \(message)")
        case .success(let outcome): return outcome
        case .failure(let error): throw .connection(error)
        }
    }

    private func carry(
        _ exchange: HealthExchange,
        on connection: HTTPConnection,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> ProbeOutcome {
        var exchange = exchange
        while true {
            connection.output += exchange.takeOutput()
            try await connection.flush(until: deadline)
            guard try await connection.receive(until: deadline) else {
                return .failed("the connection was closed before an answer")
            }
            if let outcome = exchange.receive(connection.takeReceived()) { return outcome }
        }
    }
}
