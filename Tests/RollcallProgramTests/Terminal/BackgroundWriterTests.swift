import Rollcall
import Synchronization
import Testing

@testable import RollcallProgram

@Suite("Writing in the background", .timeLimit(.minutes(1)))
struct BackgroundWriterTests {
    /// What was written, by somebody who can be held up.
    private final class Reader: Sendable {
        let isHeldUp = Atomic(true)
        private let got = Mutex<(elements: [Int], dropped: Int)>(([], 0))

        var elements: [Int] { self.got.withLock { $0.elements } }
        var dropped: Int { self.got.withLock { $0.dropped } }

        func take(_ elements: [Int], _ dropped: Int) {
            while self.isHeldUp.load(ordering: .sequentiallyConsistent) {}
            self.got.withLock { $0 = ($0.elements + elements, $0.dropped + dropped) }
        }
    }

    @Test("who hands over never waits; what does not fit is dropped, counted and told")
    func stalled() async throws {
        let reader = Reader()
        let writer = BackgroundWriter<Int>(capacity: 10) { reader.take($0, $1) }
        for number in 0..<1000 { writer.offer(number) }
        await writer.finish(within: .milliseconds(20), clock: TimeSource())
        #expect(reader.elements.isEmpty)
        reader.isHeldUp.store(false, ordering: .sequentiallyConsistent)
        await writer.finish(within: .seconds(20), clock: TimeSource())
        #expect(reader.elements.count + reader.dropped == 1000)
        #expect((10...20).contains(reader.elements.count))
        #expect(reader.elements == reader.elements.sorted())
        writer.offer(1000)
        await writer.finish(within: .seconds(20), clock: TimeSource())
        #expect(reader.elements.last == 1000)
    }
}
