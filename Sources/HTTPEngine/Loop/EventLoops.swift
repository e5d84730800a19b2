package import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The process's event loops, one for each processor.
package final class EventLoops: Sendable {
    /// How many loops servers and clients share.
    package static let usualCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// The loops that servers and clients share, or why the system gives none.
    private static let shared: Result<EventLoops, SystemError> = {
        do throws(SystemError) {
            return .success(try EventLoops(count: EventLoops.usualCount))
        } catch {
            return .failure(error)
        }
    }()

    /// The loops that servers and clients share, started at the first call.
    ///
    /// - Throws: A ``SystemError`` when the process has no descriptor left.
    package static func running() throws(SystemError) -> EventLoops { try self.shared.get() }

    /// The thread for what waits for the disk, or why the system gives none.
    private static let disk: Result<EventLoop, SystemError> = {
        do throws(SystemError) {
            return .success(try EventLoop(number: EventLoops.usualCount, clock: TimeSource()))
        } catch {
            return .failure(error)
        }
    }()

    /// A loop beside the others for tasks that wait for the disk, started at the first call.
    ///
    /// - Throws: A ``SystemError`` when the process has no descriptor left.
    package static func forDisk() throws(SystemError) -> EventLoop { try self.disk.get() }

    /// All of them.
    package let all: [EventLoop]
    /// What they measure deadlines by.
    package let clock: TimeSource
    private let turn = Atomic<Int>(0)

    private init(count: Int) throws(SystemError) {
        let clock = TimeSource()
        var loops: [EventLoop] = []
        for number in 0..<count { loops.append(try EventLoop(number: number, clock: clock)) }
        self.all = loops
        self.clock = clock
    }

    /// One after the other.
    package func next() -> EventLoop {
        self.all[self.turn.wrappingAdd(1, ordering: .relaxed).oldValue % self.all.count]
    }
}
