/// Finds leases that are due, at a cost that does not depend on how many there are: a hashed timing wheel
/// (Varghese and Lauck, SOSP 1987).
///
/// Renewing does not touch the wheel. A lease stands where it was due when it was put there; when the wheel comes by,
/// whoever owns it says until when it lives now, and puts it there.
package struct LeaseWheel<Key: Sendable>: Sendable {
    private var slots: [[Key]]
    private let tick: Duration
    /// The number of the last tick that was looked at; tick `n` covers what is due until `n * tick`.
    private var cursor: Int

    /// The number of leases on the wheel, those that are no longer valid included.
    package private(set) var count = 0

    /// Creates an empty wheel.
    ///
    /// - Parameters:
    ///   - tick: How fine time is told.
    ///   - slotCount: How many ticks the wheel spans. A lease that is due later stands in the last and moves on from there.
    ///   - now: The time at which it begins.
    package init(tick: Duration, slotCount: Int = 1024, now: TimeSource.Instant = TimeSource.Instant(elapsed: .zero)) {
        self.tick = tick
        self.slots = Array(repeating: [], count: slotCount)
        self.cursor = Int(now.elapsed / tick)
    }

    /// Puts a lease where it is due.
    package mutating func insert(_ key: Key, due: TimeSource.Instant) {
        // Bounded before it becomes a whole number: what is due in some billion years is beyond all of those.
        let ticks = (due.elapsed / self.tick).rounded(.up)
        let number = Int(min(max(ticks, Double(self.cursor + 1)), Double(self.cursor + self.slots.count - 1)))
        self.slots[number % self.slots.count].append(key)
        self.count += 1
    }

    /// Takes off what may be due by `now`.
    ///
    /// The caller puts back what is not.
    package mutating func advance(to now: TimeSource.Instant) -> [Key] {
        let target = Int(now.elapsed / self.tick)
        guard target > self.cursor else { return [] }
        var due: [Key] = []
        // After more than a whole turn every slot was passed, and once is enough.
        for number in max(self.cursor + 1, target - self.slots.count + 1)...target {
            let index = number % self.slots.count
            due.append(contentsOf: self.slots[index])
            // Else each slot would keep what it took at its busiest, a thousand times over.
            self.slots[index].removeAll(keepingCapacity: self.slots[index].capacity <= 8)
        }
        self.cursor = target
        self.count -= due.count
        return due
    }
}
