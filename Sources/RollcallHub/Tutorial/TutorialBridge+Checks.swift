import HTTPEngine
import Rollcall

extension TutorialBridge {
    private enum Pulse {
        case alive
        case notListeningYet
        case none(String)
    }

    /// Keeps what is watched registered: that ends by a failed check, or when the hub stops looking, but not because
    /// checks of others take long.
    func keep() async {
        while (try? await self.clock.sleep(for: self.ttl / 3)) != nil {
            for instance in self.checks.watched { self.store.touch(instance, in: Self.namespace) }
        }
    }

    /// Checks one program after the other.
    func work() async {
        while var check = await self.checks.next() {
            guard self.isRegistered(check.instance) else {
                self.checks.forget(check)
                continue
            }
            let pulse = await self.pulse(of: check)
            guard !Task.isCancelled else { return }
            switch pulse {
            case .alive:
                self.store.touch(check.instance, in: Self.namespace)
                check.failures = 0
                self.checks.repeatCheck(check, in: self.configuration.period)
            case .notListeningYet:
                check.failures = 0
                self.checks.repeatCheck(check, in: self.configuration.firstCheck)
            case .none(let reason):
                check.failures += 1
                guard check.failures >= self.configuration.attempts else {
                    // Others are checked during the pause.
                    self.checks.repeatCheck(check, in: self.configuration.attemptPause)
                    continue
                }
                self.checks.forget(check)
                self.takeOut(check.instance, because: reason)
            }
        }
    }

    private func takeOut(_ instance: ServiceInstance, because reason: String) {
        let isOut = try? self.store.end(
            instance.id,
            of: instance.service,
            registeredAt: instance.registeredAt,
            in: Self.namespace,
            reason: .expired
        )
        // Another process may have taken its place while this one was checked.
        guard isOut == true else { return }
        self.log(.warning, "\(instance) has no heart-beat and is taken out: \(reason)")
    }

    private func pulse(of check: HeartbeatSchedule.Check) async -> Pulse {
        do {
            let origin = try Origin(check.instance.endpoint)
            let request = HTTPClient.Request("GET", "/heart-beat", at: origin)
            let response = try await self.client.send(request, within: self.configuration.timeout, limit: 65536)
            return response.status == 200 ? .alive : .none("status \(response.status)")
        } catch let error as ConnectionError
            where error.kind == .refused
            && check.since.duration(to: self.clock.now) < self.configuration.period
        {
            return .notListeningYet
        } catch {
            return .none("\(error)")
        }
    }
}
