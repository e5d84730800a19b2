import Testing

@testable import Rollcall

/// Everything that decides whom a call goes to at once, beside a model that works it out anew each time.
///
/// One part after the other: each takes a processor for itself.
@Suite("Selection beside a plain model", .serialized, .timeLimit(.minutes(3)))
struct SelectionModelTests {
    private static let historiesOfSeed: UInt64 = 100
    private static let steps = 40

    @Test("random histories: each choice is one that the model allows", arguments: 0..<20 as Range<UInt64>)
    func histories(_ part: UInt64) async throws {
        var sights: Set<String> = []
        for number in 0..<Self.historiesOfSeed {
            var generator = HistoryGenerator(seed: part * Self.historiesOfSeed + number)
            let history = generator.history(Self.steps)
            guard let found = try await SelectionTrial.run(history, sights: &sights) else { continue }
            let (shortest, text) = try await Self.shrink(history, found)
            Issue.record("\(text)\nshrunk from \(history.steps.count) steps to \(shortest)")
            return
        }
        // A hundred histories in which none of this happens would prove little.
        let expected: Set<String> = [
            "held", "held and let go", "stale", "local", "ramp", "ejected", "panic", "trial", "turn", "nobody",
            "fail-over",
        ]
        #expect(expected.subtracting(sights).isEmpty)
    }

    @Test("what went wrong once goes well", arguments: KnownHistory.all)
    func known(_ known: KnownHistory) async throws {
        var sights: Set<String> = []
        let setup = PlainSetup(
            policy: .roundRobin,
            outliers: OutlierDetection(consecutiveFailures: 1, baseTime: .seconds(10))
        )
        let history = History(seed: 0, setup: setup, steps: known.steps)
        if let found = try await SelectionTrial.run(history, sights: &sights) {
            Issue.record("step \(found.step): \(found.text)")
        }
    }

    @Test("the same through a discovery that runs", arguments: 0..<8 as Range<UInt64>)
    func running(_ part: UInt64) async throws {
        for number in 0..<25 as Range<UInt64> {
            var generator = HistoryGenerator(seed: 1_000_000 + part * 25 + number)
            let history = generator.history(Self.steps)
            guard let found = try await RunningTrial.run(history) else { continue }
            Issue.record("step \(found.step): \(found.text)\n\(history)")
            return
        }
    }

    /// Leaves out steps as long as the rest still fails.
    private static func shrink(
        _ history: History,
        _ found: (step: Int, text: String)
    ) async throws -> (History, String) {
        var (shortest, text) = (history, found.text)
        shortest.steps.removeLast(history.steps.count - found.step - 1)
        var sights: Set<String> = []
        var size = max(shortest.steps.count / 2, 1)
        while size > 0 {
            var start = 0
            while start < shortest.steps.count {
                var shorter = shortest
                shorter.steps.removeSubrange(start..<min(start + size, shorter.steps.count))
                if let found = try await SelectionTrial.run(shorter, sights: &sights) {
                    shorter.steps.removeLast(shorter.steps.count - found.step - 1)
                    (shortest, text) = (shorter, found.text)
                } else {
                    start += size
                }
            }
            size /= 2
        }
        return (shortest, text)
    }
}
