/// Looks for TCP ports of this machine that are free.
///
/// A port that was free may be taken a moment later. Where that matters, hold on to it with ``BoundPort``.
public enum FreePort {
    /// Finds a port that is free.
    ///
    /// - Parameter host: An address of this machine in digits, IPv6 without brackets.
    /// - Returns: The port.
    /// - Throws: What ``BoundPort/init(on:port:)`` throws.
    public static func find(on host: String = "127.0.0.1") throws(BackendError) -> Int {
        try BoundPort(on: host).port
    }

    /// Finds the first port of a range that is free.
    ///
    /// - Parameters:
    ///   - range: Ports from 1 to 65535, tried in order.
    ///   - host: An address of this machine in digits, IPv6 without brackets.
    /// - Returns: The port.
    /// - Throws: What ``BoundPort/init(on:in:)`` throws: `notFound` that names the range when none is free.
    public static func find(
        in range: ClosedRange<Int>,
        on host: String = "127.0.0.1"
    ) throws(BackendError) -> Int {
        try BoundPort(on: host, in: range).port
    }

    /// Finds a free port of `127.0.0.1`.
    ///
    /// - Parameter range: The ports to try in order; by default the system chooses.
    /// - Returns: The address with the port.
    /// - Throws: What ``BoundPort`` throws.
    public static func localIPv4Address(in range: ClosedRange<Int>? = nil) throws(BackendError) -> HostAndPort {
        try self.address(on: "127.0.0.1", in: range)
    }

    /// Finds a free port of `::1`.
    ///
    /// - Parameter range: The ports to try in order; by default the system chooses.
    /// - Returns: The address with the port.
    /// - Throws: What ``BoundPort`` throws; `invalidArgument` on a machine without IPv6.
    public static func localIPv6Address(in range: ClosedRange<Int>? = nil) throws(BackendError) -> HostAndPort {
        try self.address(on: "::1", in: range)
    }

    private static func address(on host: String, in range: ClosedRange<Int>?) throws(BackendError) -> HostAndPort {
        guard let range else { return try BoundPort(on: host).address }
        return try BoundPort(on: host, in: range).address
    }
}
