#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A descriptor that is closed with its only owner.
struct OwnedDescriptor: ~Copyable, Sendable {
    /// The system's number for it.
    let number: Int32

    /// Takes over what a call of the system returned.
    ///
    /// - Parameter number: The descriptor, or -1 for a call that failed.
    /// - Throws: What the call left in `errno`.
    init(_ number: Int32) throws(SystemFailure) {
        guard number >= 0 else { throw SystemFailure() }
        self.number = number
    }

    deinit {
        close(self.number)
    }

    /// Hands the descriptor over, for somebody else to close.
    consuming func take() -> Int32 {
        let number = self.number
        discard self
        return number
    }
}
