import Rollcall
import Testing

@Suite("SnapshotWriteSchedule", .timeLimit(.minutes(1)))
struct SnapshotWriteScheduleTests {
    private var schedule = SnapshotWriteSchedule()

    @Test("nothing is written while nothing changed; the first change is written at once")
    mutating func first() {
        #expect(self.next(0) == nil)
        self.schedule.changed()
        #expect(self.next(3) == .seconds(3))
        #expect(self.next(7) == .seconds(7))
    }

    @Test("between two writes are five seconds, however much changes")
    mutating func interval() {
        self.schedule.changed()
        self.schedule.began()
        self.schedule.written(at: Self.at(10))
        #expect(self.next(11) == nil)
        for _ in 0..<100 { self.schedule.changed() }
        #expect(self.next(11) == .seconds(15))
        #expect(self.next(20) == .seconds(20))
        self.schedule.began()
        self.schedule.written(at: Self.at(20))
        #expect(self.next(100) == nil)
    }

    @Test("one write goes on at a time, and what changes meanwhile needs another")
    mutating func meanwhile() {
        self.schedule.changed()
        self.schedule.began()
        self.schedule.changed()
        #expect(self.next(1) == nil)
        self.schedule.written(at: Self.at(2))
        #expect(self.next(2) == .seconds(7))
    }

    @Test("after failures the pause doubles up to a minute; a success ends that")
    mutating func failures() {
        self.schedule.changed()
        var pauses: [Int] = []
        for _ in 0..<6 {
            self.schedule.began()
            self.schedule.failed(at: Self.at(100))
            pauses.append(Int((self.next(100) ?? .zero).components.seconds) - 100)
        }
        #expect(pauses == [5, 10, 20, 40, 60, 60])
        self.schedule.began()
        self.schedule.written(at: Self.at(200))
        self.schedule.changed()
        #expect(self.next(200) == .seconds(205))
        self.schedule.began()
        self.schedule.failed(at: Self.at(205))
        #expect(self.next(205) == .seconds(210))
    }

    @Test("any interval is kept, and none means at once, but not after a failure")
    mutating func intervals() {
        self.schedule = SnapshotWriteSchedule(interval: .zero)
        self.schedule.changed()
        self.schedule.began()
        self.schedule.written(at: Self.at(1))
        self.schedule.changed()
        #expect(self.next(1) == .seconds(1))
        self.schedule.began()
        self.schedule.failed(at: Self.at(1))
        #expect(self.next(1) == .seconds(2))
        self.schedule = SnapshotWriteSchedule(interval: .seconds(300))
        self.schedule.changed()
        self.schedule.began()
        self.schedule.failed(at: Self.at(0))
        #expect(self.next(0) == .seconds(300))
    }

    private func next(_ seconds: Int) -> Duration? {
        self.schedule.nextWrite(after: Self.at(seconds))?.elapsed
    }

    private static func at(_ seconds: Int) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .seconds(seconds))
    }
}
