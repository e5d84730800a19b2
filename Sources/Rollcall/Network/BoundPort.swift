#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A TCP port of this machine that is taken, so that nobody else gets it between finding it and using it.
///
/// It listens from the beginning: connections that come before somebody accepts them wait in the system's queue. It is
/// free again when the value goes, unless ``take()`` handed the socket over.
///
/// ```swift
/// let bound = try BoundPort(in: 8000...8099)
/// print("listening on \(bound.address)")
/// let descriptor = bound.take()
/// ```
public struct BoundPort: ~Copyable, Sendable {
    /// Where it listens, the host in digits.
    public let address: HostAndPort
    /// The port.
    public let port: Int
    private let descriptor: OwnedDescriptor

    /// Takes one port, or any that is free.
    ///
    /// - Parameters:
    ///   - host: An address of this machine in digits, IPv6 without brackets.
    ///   - port: From 1 to 65535, or 0 for any that is free.
    /// - Throws: `notFound` when the port is taken, or none is free; `invalidArgument` for a host that is no address of
    ///   this machine; `permissionDenied` for a port that this user may not take.
    public init(on host: String = "127.0.0.1", port: Int = 0) throws(BackendError) {
        let address = try Self.address(host, port)
        do throws(SystemFailure) {
            try self.init(listeningOn: address)
        } catch {
            throw Self.error(error, address)
        }
    }

    /// Takes the first port of a range that is free.
    ///
    /// - Parameters:
    ///   - host: An address of this machine in digits, IPv6 without brackets.
    ///   - range: Ports from 1 to 65535, tried in order.
    /// - Throws: `notFound` that names the range when none is free; `invalidArgument` for a range beyond what ports are
    ///   and for a host that is no address of this machine; `permissionDenied` when this user may take none of them.
    public init(on host: String = "127.0.0.1", in range: ClosedRange<Int>) throws(BackendError) {
        guard range.lowerBound >= 1, range.upperBound <= 65535 else {
            throw BackendError(
                ValidationError(field: "range", message: "\(range) is not within 1...65535", limit: 65535)
            )
        }
        var forbidden = 0
        for port in range {
            let address = try Self.address(host, port)
            do throws(SystemFailure) {
                try self.init(listeningOn: address)
                return
            } catch {
                guard error.number == EADDRINUSE || error.number == EACCES else { throw Self.error(error, address) }
                forbidden += error.number == EACCES ? 1 : 0
            }
        }
        guard forbidden < range.count else {
            throw BackendError(
                .permissionDenied,
                "this user may take none of the ports \(range) of \(host); name ports from 1024"
            )
        }
        throw BackendError(.notFound, "none of the ports \(range) of \(host) is free; name another range")
    }

    private init(listeningOn address: SocketAddress) throws(SystemFailure) {
        #if canImport(Glibc)
        let type = Int32(SOCK_STREAM.rawValue)
        #else
        let type = SOCK_STREAM
        #endif
        let descriptor = try OwnedDescriptor(socket(address.family, type, 0))
        _ = fcntl(descriptor.number, F_SETFD, FD_CLOEXEC)
        #if !canImport(Darwin)
        // A port is free although connections of the server before are still on their way out. Darwin would then also
        // give out a port on which somebody else listens for all addresses.
        var on: Int32 = 1
        _ = setsockopt(descriptor.number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        // Two may be bound to one port as long as none of them listens: only listening tells that it is ours.
        guard address.withSystemAddress({ bind(descriptor.number, $0, $1) }) == 0,
            listen(descriptor.number, SOMAXCONN) == 0
        else { throw SystemFailure() }
        guard let bound = SocketAddress(boundTo: descriptor.number) else { throw SystemFailure() }
        self.address = HostAndPort(bound)
        self.port = bound.port
        self.descriptor = descriptor
    }

    /// Hands the listening socket over, for its new owner to close.
    ///
    /// - Returns: The descriptor, which blocks and which children do not inherit.
    public consuming func take() -> Int32 {
        self.descriptor.take()
    }
}

extension BoundPort {
    private static func address(_ host: String, _ port: Int) throws(BackendError) -> SocketAddress {
        guard (0...65535).contains(port) else {
            throw BackendError(
                ValidationError(field: "port", message: "\(port) is not from 0 to 65535", limit: 65535)
            )
        }
        guard !host.hasControlCharacter, let address = SocketAddress(host: host, port: port) else {
            throw BackendError(
                ValidationError(
                    field: "host",
                    message: "\(host.quotedForDisplay) is no address in digits such as 127.0.0.1 or ::1"
                )
            )
        }
        return address
    }

    private static func error(_ failure: SystemFailure, _ address: SocketAddress) -> BackendError {
        switch failure.number {
        case EADDRINUSE where address.port == 0:
            BackendError(.notFound, "no port of \(address.host) is free; end programs that hold many")
        case EADDRINUSE:
            BackendError(.notFound, "\(address) is taken; name another port, or 0 for any that is free")
        case EACCES:
            BackendError(.permissionDenied, "this user may not take \(address); name a port from 1024")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            BackendError(.invalidArgument, "\(address.host) is no address of this machine: \(failure)")
        default:
            BackendError(.unavailable, "\(address) cannot be taken: \(failure)")
        }
    }
}
