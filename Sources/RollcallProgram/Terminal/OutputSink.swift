import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where bytes go: standard output, standard error, or a test.
package struct OutputSink: Sendable {
    /// Keeps lines whole that several tasks write at once.
    private final class Turn: Sendable {
        let lock = Mutex(())
    }

    /// Whether a person reads along.
    package let isTerminal: Bool
    /// Writes bytes as they are.
    private let write: @Sendable ([UInt8]) throws(OutputError) -> Void

    /// A sink that hands all bytes on.
    package init(isTerminal: Bool = false, write: @escaping @Sendable ([UInt8]) throws(OutputError) -> Void) {
        self.isTerminal = isTerminal
        self.write = write
    }

    /// A sink that writes to a file descriptor, which stays open.
    package init(descriptor: Int32) {
        let turn = Turn()
        self.init(isTerminal: isatty(descriptor) == 1) { bytes throws(OutputError) in
            try turn.lock.withLock { _ throws(OutputError) in try Self.writeAll(bytes, to: descriptor) }
        }
    }

    /// Writes bytes as they are.
    ///
    /// - Throws: An ``OutputError``.
    func put(_ bytes: [UInt8]) throws(OutputError) { try self.write(bytes) }

    /// Writes a text as it is.
    ///
    /// - Throws: An ``OutputError``.
    func put(_ text: String) throws(OutputError) { try self.write(Array(text.utf8)) }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(OutputError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Self.systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // Whoever shares the terminal may have made it non-blocking.
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&poller, 1, -1)
            } else if errno != EINTR {
                throw OutputError(errno, writing: descriptor)
            }
        }
    }

    private static func systemWrite(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, start, count)
        #elseif canImport(Musl)
        Musl.write(descriptor, start, count)
        #else
        Darwin.write(descriptor, start, count)
        #endif
    }
}

/// Why something is not written.
package struct OutputError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the system says.
    private let cause: AttemptError

    /// Nobody reads what is written any longer, as with `rollcall watch web | head -n 1`.
    package static let closed = OutputError(EPIPE, writing: STDOUT_FILENO)

    /// What the system says of a write to a descriptor.
    package init(_ number: Int32, writing descriptor: Int32) {
        let name = [STDOUT_FILENO: "standard output", STDERR_FILENO: "standard error"][descriptor]
        self.cause = AttemptError(number, "write to \(name ?? "descriptor \(descriptor)")")
    }

    /// Whether nobody reads any longer, which is no fault.
    package var isClosed: Bool { self.cause.number == EPIPE }

    /// The text form.
    package var description: String { self.cause.description }
}
