import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Makes connections.
enum Connector {
    /// Connects to the first address of an origin that answers.
    ///
    /// - Throws: `refused` or `timeout`.
    static func connect(
        to origin: Origin,
        on loop: EventLoop,
        until deadline: TimeSource.Instant,
        where permits: (SocketAddress) -> Bool = { _ in true }
    ) async throws(ConnectionError) -> Socket {
        var failure = ConnectionError(.refused, "\(origin): the name has no address that may be called")
        for address in try await self.addresses(of: origin) where permits(address) {
            do throws(ConnectionError) {
                return try await self.connect(to: address, on: loop, until: deadline)
            } catch {
                failure = error
                if error.kind == .closed { throw error }
            }
        }
        throw failure
    }

    private static func connect(
        to address: SocketAddress,
        on loop: EventLoop,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> Socket {
        let socket: Socket
        do throws(SystemError) {
            let descriptor = try SystemCalls.makeSocket(family: address.family)
            guard self.begin(descriptor, address) == 0 || errno == EINPROGRESS else {
                let error = SystemError("connecting to \(address)")
                Listener.close(descriptor)
                throw error
            }
            socket = try loop.adopt(descriptor)
        } catch {
            throw ConnectionError(.refused, error.description)
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
                return ConnectionError(
                    .refused,
                    SystemError("connecting to \(address)", number: status).description
                )
            }
            // Being added to the loop may be told as ready before the connection is there.
            if SocketAddress(connectedTo: socket.descriptor) != nil { return nil }
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

    /// The numeric addresses of an origin.
    ///
    /// - Throws: `refused` when the system has no thread to ask the resolver on.
    static func addresses(of origin: Origin) async throws(ConnectionError) -> [SocketAddress] {
        if let address = SocketAddress(host: origin.host, port: origin.port) { return [address] }
        let (host, port) = (origin.host, origin.port)
        do throws(SystemError) {
            // The system's resolver blocks.
            return try await SystemThread.run { self.resolve(host, port) }
        } catch {
            throw ConnectionError(.refused, error.description)
        }
    }

    private static func resolve(_ host: String, _ port: Int) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = SystemCalls.stream
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        return sequence(first: list, next: { $0?.pointee.ai_next }).compactMap { entry in
            guard let entry, let address = entry.pointee.ai_addr else { return nil }
            let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen))
            return SocketAddress(bytes: Array(bytes))
        }
    }
}
