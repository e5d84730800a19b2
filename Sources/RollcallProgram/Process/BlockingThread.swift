#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A thread of the system for what blocks, and so must not run where tasks run.
package enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Starts a thread that runs `body` and ends with it.
    ///
    /// - Parameter body: What blocks.
    /// - Throws: A ``SystemError`` when the system has no thread left.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let work = Unmanaged.passRetained(Work(body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        #if canImport(Glibc)
        var thread = pthread_t()
        #else
        var thread: pthread_t?
        #endif
        let status = pthread_create(&thread, &attributes, Self.entry, work.toOpaque())
        guard status == 0 else {
            work.release()
            throw SystemError(status, "start a thread")
        }
    }

    /// Runs `body` on a thread of its own and waits for what it returns, which cancellation does not hasten.
    ///
    /// - Parameter body: What blocks.
    /// - Returns: What `body` returns.
    /// - Throws: A ``SystemError`` when the system has no thread left.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(SystemError) {
                try self.start { continuation.resume(returning: body()) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    #if canImport(Darwin)
    private static let entry: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { pointer in
        Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
    }
    #else
    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
        if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
    }
    #endif
}

/// What the operating system refused.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
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
