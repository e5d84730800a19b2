extension Registrar {
    /// Carries out one step after the other until the registrar is stopped.
    func follow(_ id: InstanceID, of service: ServiceName) async throws(BackendError) {
        var machine = RegistrarMachine(ttl: self.ttl)
        var step = machine.first
        self.enter(machine.phase)
        while !self.shutdown.isRaised, !Task.isCancelled {
            switch step {
            case .register(let delay, let jitter):
                var generator = SystemRandomNumberGenerator()
                await self.pause(delay + jitter * Double.random(in: 0...1, using: &generator))
                guard let next = try await self.register(&machine) else { return }
                step = next
            case .lookAgain(let pause):
                await self.pause(pause)
                let seen = self.visibleID ?? id
                step = machine.looked(isHeld: try? await self.backend.instances(of: service)[seen] != nil)
                self.enter(machine.phase, because: self.status.lastError)
            case .stayOut:
                guard await self.waitForResumption() else { return }
                step = machine.resumed()
                self.enter(machine.phase)
            case .hold, .fail:
                return
            }
        }
    }

    /// Registers and keeps the lease; returns what to do next, or `nil` when stopped.
    private func register(_ machine: inout RegistrarMachine) async throws(BackendError) -> RegistrarMachine.Step? {
        guard !self.shutdown.isRaised, !Task.isCancelled, let wanted = self.wanted else { return nil }
        let lease: any InstanceLease
        do throws(BackendError) {
            lease = try await self.backend.register(wanted, ttl: self.configuration.ttl)
        } catch {
            let step = machine.failedToRegister(error)
            self.enter(machine.phase, because: error)
            if step == .fail { throw error }
            return step
        }
        _ = machine.registered()
        self.visibleID = lease.visibleID
        self.enter(machine.phase)
        self.tellIfClamped(lease)
        guard let loss = await self.hold(lease) else { return nil }
        let step = machine.lost(loss)
        self.enter(machine.phase, because: loss)
        return step
    }

    private func waitForResumption() async -> Bool {
        let resumption = self.resumption
        await race {
            await resumption.wait()
        } _: {
            await self.shutdown.wait()
        }
        return resumption.isRaised
    }

    /// Keeps a lease until it is lost, and returns why; or until the registrar is stopped, and ends it then.
    private func hold(_ lease: any InstanceLease) async -> BackendError? {
        let loss = await withTaskGroup(of: BackendError?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await lease.keepAlive()
                } catch {
                    return error
                }
            }
            group.addTask {
                // One after the other: an update that comes late must not undo `maintenance`.
                await race {
                    await self.publishUpdates(through: lease)
                } _: {
                    await self.shutdown.wait()
                }
                if self.shutdown.isRaised { await self.drain(lease) }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let loss, loss.code != .cancelled, !self.shutdown.isRaised { return loss }
        await self.revoke(lease)
        return nil
    }

    private func publishUpdates(through lease: any InstanceLease) async {
        while (try? await self.updates.next()) != nil {
            do throws(BackendError) {
                let policy = RetryPolicy(backoff: .background, maximumTime: .seconds(86400))
                try await policy.run(isIdempotent: true, clock: self.configuration.clock) {
                    () async throws(BackendError) in
                    // What is wanted by now, which may be later than the update that gave the word.
                    if let wanted = self.wanted { try await lease.update(wanted) }
                }
            } catch {
                // If the lease ended meanwhile, the next one registers what is wanted by then.
                guard !Task.isCancelled else { return }
                self.log(.warning, "an update of \(lease.token.service)/\(lease.token.id) was refused: \(error)")
            }
        }
    }

    private func drain(_ lease: any InstanceLease) async {
        self.enter(.draining)
        guard let wanted = self.wanted,
            let leaving = try? wanted.applying(InstanceChange(status: .maintenance))
        else { return }
        let clock = self.configuration.clock
        let isTold: Void? = try? await withDeadline(.seconds(2), clock: clock) { () async throws(BackendError) in
            try await lease.update(leaving)
        }
        // Without the word nobody would stop calling, and waiting would help nobody.
        if isTold != nil { try? await clock.sleep(for: self.configuration.drain) }
    }

    private func revoke(_ lease: any InstanceLease) async {
        do throws(BackendError) {
            try await withoutCancellation(clock: self.configuration.clock) { () async throws(BackendError) in
                try await lease.revoke()
            }
        } catch {
            self.log(.warning, "the registration could not be revoked and ends with its time-to-live: \(error)")
        }
    }

    private func pause(_ duration: Duration) async {
        guard duration > .zero else { return }
        await race {
            try? await self.configuration.clock.sleep(for: duration)
        } _: {
            await self.shutdown.wait()
        }
    }

    private func tellIfClamped(_ lease: any InstanceLease) {
        guard lease.ttl != self.configuration.ttl else { return }
        self.log(.info, "a time-to-live of \(self.configuration.ttl.text) was wished, \(lease.ttl.text) is granted")
    }
}
