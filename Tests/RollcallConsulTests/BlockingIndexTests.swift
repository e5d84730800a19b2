import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Blocking queries")
struct BlockingIndexTests {
    @Test("the first answer is new, the same index is nothing new, a higher one is")
    func rises() {
        var index = BlockingIndex()
        #expect(index.index == nil)
        #expect(index.accept(7) == .new)
        #expect(index.index == 7)
        #expect(index.accept(7) == .same)
        #expect(index.accept(9) == .new)
        #expect(index.index == 9)
    }

    @Test("an index that goes back begins anew")
    func goesBack() {
        var index = BlockingIndex()
        _ = index.accept(100)
        #expect(index.accept(3) == .new)
        #expect(index.index == nil)
        #expect(index.accept(3) == .new)
        #expect(index.index == 3)
    }

    @Test("0 is never asked with, and an answer without an index waits for nothing")
    func zero() {
        var index = BlockingIndex()
        #expect(index.accept(0) == .new)
        #expect(index.index == 1)
        #expect(index.accept(0) == .same)
        #expect(index.accept(nil) == .new)
        #expect(index.index == nil)
        #expect(index.accept(.max) == .new)
        #expect(index.index == .max)
    }

    @Test("after a failure the next query is answered at once")
    func failure() {
        var index = BlockingIndex()
        _ = index.accept(5)
        index.fail()
        #expect(index.index == nil)
        #expect(index.accept(5) == .new)
    }

    @Test("single queries follow at once, a stream of them does not")
    func pacing() {
        var pacing = PollPacing()
        var now = TimeSource.Instant(elapsed: .seconds(1))
        for _ in 0..<PollPacing.burst { #expect(pacing.take(at: now) == .zero) }
        #expect(pacing.take(at: now) == PollPacing.interval)
        now = now.advanced(by: PollPacing.interval * 3)
        #expect(pacing.take(at: now) == .zero)
        now = now.advanced(by: .seconds(3600))
        for _ in 0..<PollPacing.burst { #expect(pacing.take(at: now) == .zero) }
        #expect(pacing.take(at: now) > .zero)
    }

    @Test("a watch waits longer each time, up to a limit")
    func waits() {
        var length = WaitLength()
        let waits = (0..<10).map { _ in length.take(atMost: .seconds(30)) }
        #expect(waits.first == .milliseconds(250) && waits.last == .seconds(30))
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $1 == min($0 * 2, .seconds(30)) })
        #expect(length.take(atMost: .seconds(1)) == .seconds(1))
    }

    @Test("a lease is doubtful when nearly its time has passed since a renewal began")
    func leaseClock() {
        let start = TimeSource.Instant(elapsed: .seconds(10))
        var clock = LeaseClock(ttl: .seconds(10), renewedAt: start)
        #expect(!clock.isDoubtful(at: start.advanced(by: .seconds(8))))
        #expect(clock.isDoubtful(at: start.advanced(by: .seconds(9))))
        clock.renew(at: start.advanced(by: .seconds(8)))
        clock.renew(at: start)
        #expect(!clock.isDoubtful(at: start.advanced(by: .seconds(9))))
        let looks = [9, 10, 11, 20].map { clock.takeLook(at: start.advanced(by: .seconds($0))) }
        #expect(looks == [false, true, false, true])
        #expect(LeaseClock(ttl: .seconds(10), renewedAt: nil).isDoubtful(at: start))
    }
}
