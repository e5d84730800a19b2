import Synchronization

/// Finding out whether the backend is well (M12, G36).
extension ConfigManager {
    /// How long a sample counts.
    private static let sampleLife = Duration.seconds(5)
    /// How long a sample may take.
    private static let sampleLimit = Duration.seconds(5)

    /// How the backend was when it was sampled last; `nil` before the first time.
    public var lastHealth: BackendHealth? { self.state.withLock { $0.machine.health?.sample } }

    /// How the backend is, by a sample that is at most five seconds old.
    ///
    /// - Returns: The sample; one that says so when the backend does not answer within five seconds.
    public func health() async -> BackendHealth {
        let now = self.now
        let last = self.state.withLock { $0.machine.health }
        if let last, last.takenAt.duration(to: now) <= Self.sampleLife { return last.sample }
        return await self.sample()
    }

    /// Samples every 10 s, every 2 s while something is wrong, and has all keys synced when the backend is back.
    func keepProbing() async {
        while !Task.isCancelled {
            let sample = await self.sample()
            let owesSync = self.state.withLock { $0.machine.owesSync }
            if sample.isWell, owesSync { self.syncRequests.offer(false, for: true) }
            let pause: Duration = sample.isWell && !owesSync ? .seconds(10) : .seconds(2)
            try? await self.configuration.clock.sleep(for: pause)
        }
    }

    private func sample() async -> BackendHealth {
        let sample: BackendHealth
        do throws(BackendError) {
            sample = try await withDeadline(Self.sampleLimit, clock: self.configuration.clock) {
                () async throws(BackendError) in await self.backend.health()
            }
        } catch {
            guard error.code != .cancelled else { return BackendHealth(unreachable: error) }
            sample = BackendHealth(unreachable: error)
        }
        let now = self.now
        let former = self.state.withLock { state in
            defer { state.machine.sampled(sample, at: now) }
            return state.machine.health?.sample
        }
        self.tell(sample, after: former)
        return sample
    }

    private func tell(_ sample: BackendHealth, after former: BackendHealth?) {
        guard sample.isWell != former?.isWell ?? true else { return }
        guard !sample.isWell else { return self.log(.info, "the backend is back") }
        let reason = sample.message ?? sample.error?.description ?? "it does not let itself be read"
        self.log(.warning, "the backend is not well, what is in force stays in force: \(reason)")
    }
}
