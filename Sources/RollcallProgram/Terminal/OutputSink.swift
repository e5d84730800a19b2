import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where text goes: standard output, standard error, or a test.
package struct OutputSink: Sendable {
    /// Keeps lines whole that several tasks write at once.
    private final class Turn: Sendable {
        let lock = Mutex(())
    }

    /// Whether a person reads along.
    package let isTerminal: Bool
    /// Writes a text as it is; throws ``OutputClosed`` when nobody reads any longer.
    let put: @Sendable (String) throws(OutputClosed) -> Void

    /// A sink that hands each text on.
    package init(isTerminal: Bool = false, put: @escaping @Sendable (String) throws(OutputClosed) -> Void) {
        self.isTerminal = isTerminal
        self.put = put
    }

    /// A sink that writes to a file descriptor, which stays open.
    package init(descriptor: Int32) {
        let turn = Turn()
        self.init(isTerminal: isatty(descriptor) == 1) { text throws(OutputClosed) in
            try turn.lock.withLock { _ throws(OutputClosed) in try Self.writeAll(Array(text.utf8), to: descriptor) }
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(OutputClosed) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // Whoever shares the terminal may have made it non-blocking.
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&poller, 1, -1)
            } else if errno != EINTR {
                throw OutputClosed()
            }
        }
    }
}

/// Nobody reads what is written any longer, as with `rollcall watch web | head -n 1`.
package struct OutputClosed: Error {
    /// Creates the error.
    package init() {}
}
