import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the operating system refused.
package struct AttemptError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system's number for it.
    package let number: Int32
    /// What was attempted.
    package let operation: String

    /// Creates an error.
    package init(_ number: Int32, _ operation: String) {
        self.number = number
        self.operation = operation
    }

    /// The system's own words for it.
    package var reason: String {
        strerror(self.number).map { String(cString: $0) } ?? "error \(self.number)"
    }

    /// The text form.
    package var description: String { "cannot \(self.operation): \(self.reason)" }
}

extension SystemThread {
    /// Starts a thread, and tells a failure as those of other attempts.
    static func begin(_ body: @escaping @Sendable () -> Void) throws(AttemptError) {
        do throws(SystemError) {
            try self.start(body)
        } catch {
            throw AttemptError(error.number, "start a thread")
        }
    }
}
