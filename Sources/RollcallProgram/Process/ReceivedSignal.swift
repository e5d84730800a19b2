#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A signal that asks the program to end, or to hand the signal on.
package struct ReceivedSignal: Hashable, Sendable {
    /// The system's number for it.
    package let number: Int32
    /// Whether the terminal sent it, which then sent it to the programs that this one runs as well.
    package let isFromTerminal: Bool

    /// Creates a signal.
    package init(_ number: Int32, isFromTerminal: Bool = false) {
        self.number = number
        self.isFromTerminal = isFromTerminal
    }

    /// Somebody pressed Control-C.
    package static let interrupt = ReceivedSignal(SIGINT)
    /// Somebody wants the program to end.
    package static let terminate = ReceivedSignal(SIGTERM)
    /// The terminal went away; for servers, to read their configuration again.
    package static let hangUp = ReceivedSignal(SIGHUP)

    /// Nothing can be done against it.
    package static let kill = ReceivedSignal(SIGKILL)

    /// Whether it asks the program to end.
    package var asksToEnd: Bool { self.number == SIGINT || self.number == SIGTERM }
}
