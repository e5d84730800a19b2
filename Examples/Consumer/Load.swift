import ExampleSupport
import Rollcall
import Synchronization

/// Calls that many tasks make at the same time.
struct Load: Sendable {
    let service: ServiceName
    let workers: Int
    /// How many calls each task makes; 0 for no end.
    let requests: Int
    let pause: Duration
    let tally = Tally()

    /// Makes the calls, until all are made or the task is cancelled.
    func run(_ discovery: Discovery) async {
        await withDiscardingTaskGroup { group in
            for worker in 0..<self.workers {
                group.addTask { await self.work("worker-\(worker + 1)", discovery) }
            }
        }
    }

    private func work(_ name: String, _ discovery: Discovery) async {
        var made = 0
        while self.requests == 0 || made < self.requests {
            await self.call(name, discovery)
            made += 1
            guard (try? await Task.sleep(for: self.pause)) != nil else { return }
        }
    }

    private func call(_ name: String, _ discovery: Discovery) async {
        var attempts = 0
        do {
            // A greeting may be asked for twice, so whatever goes wrong, another instance may be asked.
            let id = try await discovery.withInstance(of: self.service, attempts: 3, retryingIf: { _ in true }) {
                attempts += 1
                _ = try await ask(name, at: $0.endpoint)
                return $0.id
            }
            self.tally.noteAnswer(of: id, attempts: attempts)
        } catch {
            guard !Task.isCancelled else { return }
            self.tally.noteFailure()
            ExampleProgram.remark("failed: \(error)")
        }
    }
}

/// Who answered how often.
final class Tally: Sendable {
    private struct State {
        var answers: [InstanceID: Int] = [:]
        var failures = 0
        var repeated = 0
    }

    private let state = Mutex(State())

    /// Whether there were calls, and none failed.
    var isGood: Bool { self.state.withLock { $0.failures == 0 && !$0.answers.isEmpty } }

    func noteAnswer(of id: InstanceID, attempts: Int) {
        let isFirst = self.state.withLock { state in
            state.answers[id, default: 0] += 1
            state.repeated += attempts > 1 ? 1 : 0
            return state.answers[id] == 1
        }
        if isFirst { ExampleProgram.remark("\(id) answers") }
    }

    func noteFailure() { self.state.withLock { $0.failures += 1 } }

    /// Writes the counts.
    func report() {
        let state = self.state.withLock { $0 }
        for (id, count) in state.answers.sorted(by: { $0.key < $1.key }) { ExampleProgram.say("\(id) \(count)") }
        let calls = state.answers.values.reduce(state.failures, +)
        ExampleProgram.say("\(calls) calls, \(state.failures) failed, \(state.repeated) answered by another instance")
    }
}
