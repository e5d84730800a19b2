import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite("Turns", .timeLimit(.minutes(1)))
struct TurnsTests {
    @Test("no more than so many are inside, and all get their turn")
    func many() async throws {
        let (turns, clock) = (Turns(3), TimeSource())
        let (inside, most, done) = (Tally(), MutexBox(0), Tally())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<500 {
                group.addTask {
                    guard (try? await turns.take(within: .seconds(60), clock: clock)) != nil else { return }
                    let count = inside.add()
                    most.change { $0 = max($0, count) }
                    await Task.yield()
                    inside.add(-1)
                    turns.give()
                    done.add()
                }
            }
        }
        #expect(done.value == 500 && most.value <= 3 && turns.waitingCount == 0)
    }

    @Test("they come in the order in which they asked")
    func order() async throws {
        let (turns, clock) = (Turns(1), TimeSource())
        try await turns.take(within: .seconds(1), clock: clock)
        let order = MutexBox<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<5 {
                group.addTask {
                    try await turns.take(within: .seconds(60), clock: clock)
                    order.change { $0.append(number) }
                    turns.give()
                }
                try await eventually { turns.waitingCount == number + 1 }
            }
            turns.give()
            try await group.waitForAll()
        }
        #expect(order.value == [0, 1, 2, 3, 4])
    }

    @Test("who waits too long or is cancelled goes, and keeps nobody from a turn")
    func goers() async throws {
        let (turns, clock) = (Turns(1), TimeSource())
        try await turns.take(within: .seconds(1), clock: clock)
        let late = await #expect(throws: BackendError.self) {
            try await turns.take(within: .milliseconds(20), clock: clock)
        }
        #expect(late?.code == .unavailable && late?.applied == .no)
        let code = MutexBox<BackendError.Code?>(nil)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await turns.take(within: .seconds(60), clock: clock)
                } catch {
                    code.change { $0 = error.code }
                }
            }
            try? await eventually { turns.waitingCount == 1 }
            group.cancelAll()
        }
        #expect(code.value == .cancelled && turns.waitingCount == 0)
        turns.give()
        try await turns.take(within: .seconds(1), clock: clock)
    }
}
