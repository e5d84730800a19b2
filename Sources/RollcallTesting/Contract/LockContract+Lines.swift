import Rollcall
import Synchronization

extension LockContract {
    /// All checks.
    public static let lines = [
        Line("C18", "nobody else is inside, and each holder's token is above that of the one before") { context in
            let seen = Shared((inside: 0, tokens: [UInt64]()))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    let backend = number.isMultiple(of: 2) ? context.first : context.second
                    group.addTask {
                        for _ in 0..<10 {
                            try await backend.withLock(context.name, ttl: .seconds(60)) { token in
                                let count = seen.withLock { seen in
                                    seen.inside += 1
                                    seen.tokens.append(token)
                                    return seen.inside
                                }
                                await Task.yield()
                                try context.require(count == 1, "\(count) are inside")
                                seen.withLock { $0.inside -= 1 }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let tokens = seen.withLock { $0.tokens }
            try context.require(tokens.count == 80, "\(tokens.count) of 80 were inside")
            try context.require(tokens == Set(tokens).sorted(), "the tokens are \(tokens)")
        },
        Line("C18a", "the lock of a holder that is dead is free after its time, and the holder knows") { context in
            let dead = try await context.first.acquire(context.name, ttl: context.harness.shortTTL)
            let next = try await context.second.acquire(context.name, ttl: .seconds(60))
            try context.require(next.token > dead.token, "\(next.token) is not above \(dead.token)")
            try await context.requireError(.leaseLost) { try await dead.keepAlive() }
            // Too late to do any harm.
            try? await dead.release()
            let holder = try await context.first.holder(of: context.name)
            try context.require(holder?.token == next.token, "\(String(describing: holder)) holds it")
        },
        Line("C18b", "a holder that renews keeps it, and when he cannot his work is cancelled") { context in
            let ttl = context.harness.shortTTL
            let phase = Shared("waiting")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await context.requireError(.leaseLost) {
                        try await context.first.withLock(context.name, ttl: ttl) { _ in
                            phase.withLock { $0 = "inside" }
                            try? await Task.sleep(for: .seconds(60))
                            phase.withLock { $0 = Task.isCancelled ? "cancelled" : "slept" }
                        }
                    }
                }
                try await context.eventually("it is inside") { phase.withLock { $0 } == "inside" }
                // Several times its time-to-live.
                try await Task.sleep(for: ttl * 4)
                try context.require(phase.withLock { $0 } == "inside", "it did not keep the lock")
                try await context.harness.setReachable(false)
                let isCancelled = await Result { () async throws in
                    try await context.eventually("its work is cancelled") { phase.withLock { $0 } == "cancelled" }
                }
                try await context.harness.setReachable(true)
                try isCancelled.get()
                try await group.waitForAll()
            }
        },
        Line("C18c", "whoever stops waiting leaves nothing behind") { context in
            let held = try await context.first.acquire(context.name, ttl: .seconds(60))
            try await context.withWaiter(through: context.second) { waiter in
                try await context.eventually("somebody waits") {
                    let holder = try await context.first.holder(of: context.name)
                    return holder?.waiting ?? 1 == 1
                }
                try context.require(waiter.outcome == nil, "the lock was given twice")
            }
            try await held.release()
            let next = try await context.second.acquire(context.name, ttl: .seconds(60))
            try await next.release()
            try await context.eventually("nobody holds it") {
                try await context.first.holder(of: context.name) == nil
            }
        },
        Line("C18d", "a wait that is bounded ends in time, with nothing left behind") { context in
            let held = try await context.first.acquire(context.name, ttl: .seconds(60))
            try await context.requireError(.timeout) {
                try await context.second.withLock(context.name, wait: .milliseconds(50)) { _ in }
            }
            try await held.release()
            try await context.second.withLock(context.name, wait: .seconds(20)) { _ in }
        },
        Line("C18e", "letting go twice harms nobody") { context in
            let first = try await context.first.acquire(context.name, ttl: .seconds(60))
            try await first.release()
            try await context.requireError(.closed) { try await first.keepAlive() }
            let second = try await context.second.acquire(context.name, ttl: .seconds(60))
            try await first.release()
            let holder = try await context.first.holder(of: context.name)
            try context.require(holder?.token == second.token, "\(String(describing: holder)) holds it")
        },
        Line("C18f", "the error of the work comes out, and the lock is free then") { context in
            struct Failure: Error {}
            do {
                try await context.first.withLock(context.name) { _ in throw Failure() }
                try context.require(false, "nothing was thrown")
            } catch is Failure {}
            try await context.second.withLock(context.name, wait: .seconds(20)) { _ in }
        },
    ]
}

/// A value that many tasks read and change.
private final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    @discardableResult
    func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result {
        self.value.withLock { body(&$0) }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
