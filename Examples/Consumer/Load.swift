import ExampleSupport
import Rollcall
import RollcallHTTP
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
    func run(_ discovery: Discovery) async throws {
        let caller = try ServiceCaller(discovery: discovery, timeout: .seconds(2))
        await withDiscardingTaskGroup { group in
            for worker in 0..<self.workers {
                group.addTask { await self.work("worker-\(worker + 1)", caller) }
            }
        }
    }

    private func work(_ name: String, _ caller: ServiceCaller) async {
        var made = 0
        while self.requests == 0 || made < self.requests {
            await self.call(name, caller)
            made += 1
            guard (try? await Task.sleep(for: self.pause)) != nil else { return }
        }
    }

    private func call(_ name: String, _ caller: ServiceCaller) async {
        var attempts = 0
        do {
            let request = try ServiceRequest("/hello?name=\(name)")
            // `caller.call` does the same; this counts the attempts.
            let id = try await caller.discovery.withInstance(
                of: self.service,
                attempts: 3,
                retryingIf: { ServiceCaller.isRepeatable(request, after: $0) },
                { instance in
                    attempts += 1
                    let answer = try await caller.send(request, to: instance)
                    guard answer.isSuccess else { throw Refusal(status: answer.status, instance: instance) }
                    return instance.id
                }
            )
            self.tally.noteAnswer(of: id, attempts: attempts)
        } catch {
            guard !Task.isCancelled else { return }
            self.tally.noteFailure()
            ExampleProgram.remark("failed: \(error)")
        }
    }
}

/// An answer that is none.
struct Refusal: Error, CustomStringConvertible {
    let status: Int
    let instance: ServiceInstance

    var description: String { "\(self.instance) answered \(self.status)" }
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
