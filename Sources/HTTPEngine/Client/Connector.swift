package import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Makes connections.
package enum Connector {
    /// Connects to the first address of an origin that answers, by TLS where it wants that.
    ///
    /// - Parameters:
    ///   - origin: Where to.
    ///   - protocols: What may be spoken by TLS, the best first; ``Socket/applicationProtocol`` tells what was chosen.
    ///   - loop: What watches the connection.
    ///   - deadline: When to give up. What is left until then is shared by the addresses that were not tried yet, so that
    ///     one that is silent leaves time for the others.
    ///   - permits: Whether an address may be connected to.
    /// - Returns: The connection.
    /// - Throws: `refused`, `timeout`, `closed` in a cancelled task; by TLS also `untrusted`, `malformed`, `broken`.
    static func connect(
        to origin: Origin,
        protocols: [String] = ["http/1.1"],
        on loop: EventLoop,
        until deadline: TimeSource.Instant,
        where permits: (SocketAddress) -> Bool = { _ in true }
    ) async throws(ConnectionError) -> Socket {
        var failure = ConnectionError(.refused, "\(origin): the name has no address that may be called")
        let security = try await Self.security(of: origin)
        let addresses = try await Resolver.shared.addresses(of: origin, until: deadline).filter(permits)
        for (index, address) in addresses.enumerated() {
            let now = loop.clock.now
            let share = now.duration(to: deadline) / (addresses.count - index)
            do throws(ConnectionError) {
                let tls = try security.map { security throws(ConnectionError) in
                    try TLSSession(to: security.peer, security.context, protocols: protocols)
                }
                return try await self.connect(to: address, on: loop, until: now.advanced(by: share), tls: tls)
            } catch {
                // What stands in the way for good tells more than that another address does not answer.
                if failure.kind != .untrusted { failure = error }
                if error.kind == .closed { throw error }
            }
        }
        throw failure
    }

    /// What connections to an origin share that speak TLS.
    private static func security(
        of origin: Origin
    ) async throws(ConnectionError) -> (peer: TLSPeer, context: TLSContext)? {
        guard let configuration = origin.tls else { return nil }
        let context = try await TLSContext.current(for: configuration)
        return (TLSPeer(origin: origin, configuration: configuration), context)
    }

    /// Connects to an address.
    ///
    /// - Parameters:
    ///   - address: The address.
    ///   - loop: What watches the connection.
    ///   - deadline: When to give up.
    /// - Returns: The connection, which is the caller's to close.
    /// - Throws: `refused`, `timeout`, or `closed` in a cancelled task.
    package static func connect(
        to address: SocketAddress,
        on loop: EventLoop,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> Socket {
        try await self.connect(to: address, on: loop, until: deadline, tls: nil)
    }

    private static func connect(
        to address: SocketAddress,
        on loop: EventLoop,
        until deadline: TimeSource.Instant,
        tls: TLSSession?
    ) async throws(ConnectionError) -> Socket {
        let socket: Socket
        do throws(SystemError) {
            let descriptor = try SystemCalls.makeSocket(family: address.family)
            guard self.begin(descriptor, address) == 0 || errno == EINPROGRESS else {
                let error = SystemError("connecting to \(address)")
                Listener.close(descriptor)
                throw error
            }
            socket = try loop.adopt(descriptor, tls: tls)
        } catch {
            throw ConnectionError(.refused, error.description, isLocal: error.isLocal)
        }
        let failure = await withTaskCancellationHandler {
            await self.finish(socket, to: address, until: deadline)
        } onCancel: {
            socket.abort()
        }
        guard let failure else { return socket }
        socket.close()
        throw failure
    }

    /// Waits for the end of a connect, and returns why there is no connection.
    private static func finish(
        _ socket: Socket,
        to address: SocketAddress,
        until deadline: TimeSource.Instant
    ) async -> ConnectionError? {
        while true {
            do throws(ConnectionError) {
                try await socket.waitWritable(until: deadline)
            } catch {
                guard error.kind == .timeout else { return error }
                return ConnectionError(.timeout, "connecting to \(address): no answer in time")
            }
            var status: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &status, &length)
            if status != 0 {
                let error = SystemError("connecting to \(address)", number: status)
                return ConnectionError(.refused, error.description, isLocal: error.isLocal)
            }
            // Being added to the loop may be told as ready before the connection is there.
            if SocketAddress.isConnected(socket.descriptor) { break }
        }
        do throws(ConnectionError) {
            try await socket.shakeHands(until: deadline)
            return nil
        } catch {
            // Cancelling ends the connection, which looks like the server's doing.
            guard !Task.isCancelled else { return ConnectionError(.closed, "the connection was closed here") }
            guard error.kind == .timeout else { return error }
            return ConnectionError(.timeout, "connecting to \(address): no TLS handshake in time")
        }
    }

    private static func begin(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
        address.withSystemAddress { pointer, length in
            #if canImport(Glibc)
            Glibc.connect(descriptor, pointer, length)
            #elseif canImport(Musl)
            Musl.connect(descriptor, pointer, length)
            #else
            Darwin.connect(descriptor, pointer, length)
            #endif
        }
    }
}
