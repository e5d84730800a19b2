import HTTPEngine
import Rollcall
import Synchronization

extension EndpointCheck {
    /// The most bytes of a response's body that are waited for, so that the connection can be kept.
    private static let maximumBody = 64 << 10

    static func request(for endpoint: Endpoint, path: String) -> [UInt8] {
        var request = Array("GET ".utf8)
        let prefix = endpoint.path.hasSuffix("/") ? endpoint.path.dropLast() : endpoint.path[...]
        for byte in prefix.utf8 {
            if byte < 0x80 {
                request.append(byte)
            } else {
                request.append(contentsOf: "%\(String(byte, radix: 16, uppercase: true))".utf8)
            }
        }
        let tail = " HTTP/1.1\r\nHost: \(endpoint.authority)\r\nUser-Agent: rollcall-prober\r\n\r\n"
        return request + Array((path + tail).utf8)
    }

    /// Sends a request and judges the response.
    func ask(
        _ request: [UInt8],
        on loop: EventLoop,
        until deadline: TimeSource.Instant
    ) async throws(Failure) -> ProbeOutcome {
        if let socket = self.takeKept() {
            do throws(ConnectionError) {
                return try await self.exchange(request, on: socket, until: deadline)
            } catch {
                // The server may have closed it just now, before it saw the request.
                guard error.kind == .broken, !Task.isCancelled else { throw .connection(error) }
            }
        }
        let socket = try await self.connect(on: loop, until: deadline)
        // A server that closes it while it rests must not find it open here until the next check.
        socket.onHangup { [weak self, weak socket] in
            guard let self, let socket else { return }
            self.closeKept(where: socket)
        }
        do throws(ConnectionError) {
            return try await self.exchange(request, on: socket, until: deadline)
        } catch {
            throw .connection(error)
        }
    }

    private func exchange(
        _ request: [UInt8],
        on socket: Socket,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> ProbeOutcome {
        let result: Result<(status: Int, isFree: Bool), ConnectionError> = await withTaskCancellationHandler {
            do throws(ConnectionError) {
                try await socket.write(request, until: deadline)
                let response = try await IncomingResponse(to: "GET", on: HTTPConnection(socket), until: deadline)
                var count = 0
                while count < Self.maximumBody, try await response.next(until: deadline, { count += $0.count }) {}
                return .success((response.head.status, response.isConnectionFree))
            } catch {
                return .failure(error)
            }
        } onCancel: {
            socket.abort()
        }
        switch result {
        case .success((let status, let isFree)):
            if isFree { self.keep(socket) } else { socket.close() }
            return (200..<400).contains(status)
                ? .passed("status \(status)") : .failed("\(self.origin): the response has the status \(status)")
        case .failure(let error):
            socket.close()
            throw error
        }
    }
}

extension EndpointCheck {
    /// Takes the connection that rests, if it is still good.
    private func takeKept() -> Socket? {
        guard let socket = self.kept.withLock({ $0.take() }) else { return nil }
        self.environment.allowance.giveBack()
        guard !socket.isHungUp else {
            socket.close()
            return nil
        }
        return socket
    }

    /// Lets a connection rest until the next check, unless there are too many.
    private func keep(_ socket: Socket) {
        guard !socket.isHungUp, self.environment.keepsConnections, self.environment.allowance.take() else {
            // A clean end would leave the system with a trace of each for a minute.
            socket.cutWhenClosed()
            return socket.close()
        }
        self.kept.withLock { $0 = socket }
        // It may have been told of before it rested.
        if socket.isHungUp { self.closeKept(where: socket) }
    }

    /// Closes the connection that rests; if it is not `expected` any more, leaves it.
    func closeKept(where expected: Socket? = nil) {
        let socket = self.kept.withLock { kept -> Socket? in
            guard let present = kept, expected == nil || present === expected else { return nil }
            kept = nil
            return present
        }
        guard let socket else { return }
        self.environment.allowance.giveBack()
        socket.close()
    }
}
