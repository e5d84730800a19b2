import HTTPEngine
import Rollcall
import RollcallService
import Synchronization

extension TutorialBridge {
    /// Tells one program of changes, one after the other, until it is gone.
    func serve(_ newcomer: Newcomer) async {
        let dependent = newcomer.dependent
        defer {
            dependent.ended.raise()
            self.dependents.withLock { $0.remove(dependent) }
        }
        // What was sent to the process before must not come after what this one is sent.
        await newcomer.former?.ended.wait()
        var generator = SplitMix64()
        var failures = 0
        while await dependent.waitForWork(), self.isRegistered(dependent.instance) {
            let isDone = await self.push(to: dependent)
            failures = isDone ? 0 : failures + 1
            guard !isDone else { continue }
            let pause = Backoff(base: .milliseconds(200), factor: 2, cap: self.configuration.period)
                .pause(before: failures, using: &generator)
            await race {
                try? await self.clock.sleep(for: pause)
            } _: {
                await dependent.stopped.wait()
            }
            dependent.wake()
        }
    }

    /// Sends what the program does not know.
    ///
    /// - Returns: Whether it knows all now.
    private func push(to dependent: Dependent) async -> Bool {
        for service in dependent.instance.requires {
            let now = self.callable(service)
            for push in dependent.told.withLock({ $0.pushes(to: now, of: service) }) {
                guard !dependent.stopped.isRaised else { return false }
                dependent.told.withLock { $0.begin(push) }
                guard await self.send(push, to: dependent) else { return false }
                dependent.told.withLock { $0.finish(push) }
            }
        }
        return true
    }

    private func send(_ push: ToldServices.Push, to dependent: Dependent) async -> Bool {
        guard let origin = try? Origin(dependent.instance.endpoint) else { return true }
        let request = HTTPClient.Request(
            push.method,
            "/services",
            at: origin,
            fields: [HTTPEngine.Problem.Header("Content-Type", "application/json")],
            body: push.info.json
        )
        do throws(ConnectionError) {
            let response = try await self.client.send(request, within: self.configuration.timeout, limit: 65536)
            if response.status == 200 { return true }
            // What it does not have need not be taken from it.
            if case .remove = push, response.status == 404 { return true }
            self.log(.warning, "\(dependent.instance) answered a push with status \(response.status)")
        } catch {
            self.log(.debug, "\(dependent.instance) cannot be told of \(push.info.address): \(error)")
        }
        return false
    }
}
