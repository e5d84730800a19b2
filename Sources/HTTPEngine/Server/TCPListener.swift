package import Rollcall
import Synchronization

/// Accepts connections that carry whatever their owner makes of them.
package final class TCPListener: Sendable {
    /// Where it listens.
    package let address: SocketAddress
    private let socket: Socket
    private let loops: EventLoops

    /// Binds a port and listens.
    ///
    /// - Parameters:
    ///   - host: A numeric address.
    ///   - port: A port; 0 for one that is free.
    /// - Throws: A ``SystemError``, such as for a port that is in use.
    package init(host: String, port: Int) throws(SystemError) {
        self.loops = try EventLoops.running()
        (self.socket, self.address) = try Listener.listen(host: host, port: port, on: self.loops.next())
    }

    deinit {
        self.socket.close()
    }

    /// The next connection, or `nil` once ``close()`` was called.
    package func accept() async -> Socket? {
        while !self.socket.isHungUp {
            if let descriptor = try? Listener.accept(from: self.socket) {
                if let connection = try? self.loops.next().adopt(descriptor) { return connection }
            } else if (try? await self.socket.waitReadable()) == nil {
                return nil
            }
        }
        return nil
    }

    /// Ends ``accept()`` for good.
    package func close() {
        self.socket.abort()
    }
}
