import Rollcall
import Testing

@Suite("LeaseWheel", .timeLimit(.minutes(1)))
struct LeaseWheelTests {
    @Test(
        "what is due comes when it is due, neither before nor more than a tick later",
        arguments: 0..<20 as Range<UInt64>
    )
    func model(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var wheel = LeaseWheel<Int>(tick: .milliseconds(100), slotCount: 16)
        var due: [Int: Int] = [:]
        var now = 0
        for key in 0..<2000 {
            // In milliseconds, up to twice what the wheel spans.
            let moment = now + Int.random(in: 0...3200, using: &generator)
            due[key] = moment
            wheel.insert(key, due: Self.instant(moment))
            guard key.isMultiple(of: 3) else { continue }
            // Mostly a small step, sometimes one of several turns.
            let isLeap = Int.random(in: 0..<50, using: &generator) == 0
            now += Int.random(in: 0...(isLeap ? 5000 : 60), using: &generator)
            for found in wheel.advance(to: Self.instant(now)) {
                guard let moment = due[found] else {
                    Issue.record("\(found) came twice")
                    continue
                }
                if moment <= now { due[found] = nil } else { wheel.insert(found, due: Self.instant(moment)) }
            }
            let forgotten = due.values.filter { $0 < now - 100 }
            #expect(forgotten.isEmpty)
            #expect(wheel.count == due.count)
        }
    }

    @Test("what is due beyond all times waits for ever, and what was due before all times comes at once")
    func extremes() {
        var wheel = LeaseWheel<Int>(tick: .milliseconds(50), slotCount: 16)
        wheel.insert(1, due: TimeSource.Instant(elapsed: .seconds(Int64.max)))
        wheel.insert(2, due: TimeSource.Instant(elapsed: .seconds(Int64.min)))
        #expect(wheel.advance(to: Self.instant(50)) == [2])
        #expect(wheel.count == 1)
    }

    private static func instant(_ milliseconds: Int) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .milliseconds(milliseconds))
    }
}
