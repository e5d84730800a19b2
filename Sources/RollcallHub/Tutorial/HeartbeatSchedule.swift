import Rollcall
import Synchronization

/// Which program is to be checked next, for any number of workers: each is checked by one at a time.
final class HeartbeatSchedule: Sendable {
    /// A program to check.
    struct Check: Sendable {
        let instance: ServiceInstance
        /// Since when it is known.
        let since: TimeSource.Instant
        /// How often it failed in a row.
        var failures = 0
    }

    private struct Entry {
        var check: Check
        /// When it is due; `nil` while it is being checked.
        var due: TimeSource.Instant?
    }

    private let clock: TimeSource
    private let entries = Mutex<[ProgramKey: Entry]>([:])
    private let changed = KeyedMailbox<Bool, Void>()

    init(clock: TimeSource) {
        self.clock = clock
    }

    /// The programs that are checked, those among them that are being checked now.
    var watched: [ServiceInstance] { self.entries.withLock { $0.values.map(\.check.instance) } }

    /// Adds a program, or takes note of another process at its address.
    func add(_ instance: ServiceInstance, in pause: Duration) {
        let now = self.clock.now
        let key = ProgramKey(instance)
        let isNew = self.entries.withLock { entries in
            if let entry = entries[key],
                entry.check.instance.registeredAt == instance.registeredAt
                    || instance.registeredAt == nil
            {
                return false
            }
            entries[key] = Entry(check: Check(instance: instance, since: now), due: now.advanced(by: pause))
            return true
        }
        if isNew { self.changed.offer((), for: true) }
    }

    /// Takes a program off.
    func forget(_ check: Check) {
        self.entries.withLock { entries in
            let key = ProgramKey(check.instance)
            // One that took its place in the meantime has a place of its own.
            if entries[key]?.check.since == check.since { entries[key] = nil }
        }
    }

    /// Puts a program back that was checked.
    func repeatCheck(_ check: Check, in pause: Duration) {
        let due = self.clock.now.advanced(by: pause)
        self.entries.withLock { entries in
            let key = ProgramKey(check.instance)
            if entries[key]?.check.since == check.since { entries[key] = Entry(check: check, due: due) }
        }
        self.changed.offer((), for: true)
    }

    /// Waits for a program that is due.
    ///
    /// - Returns: The program, or `nil` when the task is cancelled.
    func next() async -> Check? {
        while !Task.isCancelled {
            let now = self.clock.now
            let (check, due) = self.entries.withLock { entries -> (Check?, TimeSource.Instant?) in
                let first = entries.filter { $0.value.due != nil }
                    .min { ($0.value.due ?? now) < ($1.value.due ?? now) }
                guard let first, let due = first.value.due else { return (nil, nil) }
                guard due <= now else { return (nil, due) }
                entries[first.key]?.due = nil
                return (first.value.check, nil)
            }
            if let check {
                // Another one may be due for another worker.
                self.changed.offer((), for: true)
                return check
            }
            await race {
                if let due { try? await self.clock.sleep(until: due, tolerance: nil) } else { await Signal().wait() }
            } _: {
                _ = try? await self.changed.next()
            }
        }
        return nil
    }
}
