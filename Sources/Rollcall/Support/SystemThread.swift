import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Threads for what must not run on the cooperative pool: waiting for the system.
package enum SystemThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Starts a thread that runs `body` and then ends.
    ///
    /// - Throws: A ``SystemError`` when the system gives no thread.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let context = Unmanaged.passRetained(Body(body))
        #if canImport(Darwin)
        var thread: pthread_t?
        let status = pthread_create(&thread, nil, { Self.enter($0) }, context.toOpaque())
        #else
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, { Self.enter($0) }, context.toOpaque())
        #endif
        guard status == 0 else {
            context.release()
            throw SystemError("pthread_create", number: status)
        }
        #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
        #else
        pthread_detach(thread)
        #endif
    }

    private static func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
        return nil
    }

    /// Runs what blocks on a thread of its own and waits for it without blocking.
    ///
    /// - Throws: A ``SystemError`` when the system gives no thread.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async throws(SystemError) -> Value {
        let result: Result<Value, SystemError> = await withCheckedContinuation { continuation in
            do throws(SystemError) {
                try Self.start { continuation.resume(returning: .success(body())) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Runs what waits for the disk where no task waits for it.
    ///
    /// - Parameter body: What to run.
    /// - Returns: What it returns or throws; `unavailable` when the system gives no thread.
    package static func attempt<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BackendError) -> Value
    ) async -> Result<Value, BackendError> {
        do throws(SystemError) {
            return try await self.run {
                do throws(BackendError) { return .success(try body()) } catch { return .failure(error) }
            }
        } catch {
            return .failure(BackendError(.unavailable, error.description, cause: error))
        }
    }
}
