import Synchronization

/// What a view needs beside its watch: that what is due is done, and that the registry is asked again.
extension Discovery {
    /// Keeps a view until the task is cancelled.
    func keep(_ view: ServiceView) async {
        var generator = SplitMix64()
        var nextRefresh = self.refresh(after: self.configuration.clock.now, using: &generator)
        while !Task.isCancelled {
            let due = [view.nextDue, view.nextLook, nextRefresh].compactMap(\.self).min() ?? nextRefresh
            await race {
                try? await self.configuration.clock.sleep(until: due, tolerance: nil)
            } _: {
                _ = try? await view.bell.next()
            }
            guard !Task.isCancelled else { return }
            view.settle()
            let now = self.configuration.clock.now
            let isDoubtful = view.nextLook.map { $0 <= now } ?? false
            guard isDoubtful || nextRefresh <= now else { continue }
            await self.look(at: view)
            nextRefresh = self.refresh(after: self.configuration.clock.now, using: &generator)
        }
    }

    /// Asks the registry past the watch, and believes what it says unless the watch told something meanwhile.
    private func look(at view: ServiceView) async {
        let deliveries = view.beginLook()
        do throws(BackendError) {
            let read = try await withDeadline(.seconds(5), clock: self.configuration.clock) {
                () async throws(BackendError) in
                try await self.backend.instances(of: view.service)
            }
            guard view.confirm(read, since: deliveries) else { return }
            self.counters.missedChanges.wrappingAdd(1, ordering: .relaxed)
            self.log(.warning, "the watch of \(view.service) had missed a change, which a look at the registry showed")
        } catch {
            self.log(.debug, "a look at \(view.service) past its watch failed: \(error)")
        }
    }

    /// When a view that all is well with is compared with the registry again, spread so that not all are at once.
    private func refresh(
        after now: TimeSource.Instant,
        using generator: inout SplitMix64
    ) -> TimeSource.Instant {
        now.advanced(by: self.configuration.refreshInterval * Double.random(in: 0.8...1.2, using: &generator))
    }
}
