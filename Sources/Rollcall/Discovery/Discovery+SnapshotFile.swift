#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What is kept on the disk, for a start while the registry is away.
extension Discovery {
    /// Reads the file, and then writes it after changes until the task is cancelled.
    func keepSnapshotFile() async {
        guard let path = self.configuration.snapshotFile else { return }
        let file: SnapshotFile
        do throws(ValidationError) {
            file = try SnapshotFile(path: path)
        } catch {
            return self.log(.error, "nothing is kept on the disk: \(error)")
        }
        // What cannot be read now may be good, and must not be written over.
        while await !self.restore(from: file) {
            guard (try? await self.configuration.clock.sleep(for: self.configuration.snapshotInterval)) != nil else {
                return
            }
        }
        var schedule = SnapshotWriteSchedule(interval: self.configuration.snapshotInterval)
        let clock = self.configuration.clock
        while !Task.isCancelled {
            let due = schedule.nextWrite(after: clock.now)
            if let due, due <= clock.now {
                schedule.began()
                if await self.write(to: file) {
                    schedule.written(at: clock.now)
                } else {
                    schedule.failed(at: clock.now)
                }
                continue
            }
            let hasChanged = await self.waitForChange(until: due)
            if hasChanged { schedule.changed() }
        }
        if schedule.nextWrite(after: clock.now) != nil { _ = await self.write(to: file) }
    }

    /// Waits for a change, or for a moment if there is one to wait for.
    ///
    /// - Returns: Whether something changed.
    private func waitForChange(until due: TimeSource.Instant?) async -> Bool {
        guard let due else { return (try? await self.changes.next()) != nil }
        let hasChanged = Signal()
        await race {
            if (try? await self.changes.next()) != nil { hasChanged.raise() }
        } _: {
            try? await self.configuration.clock.sleep(until: due, tolerance: nil)
        }
        return hasChanged.isRaised
    }

    /// Reads the file.
    ///
    /// - Returns: False when it may be read later.
    private func restore(from file: SnapshotFile) async -> Bool {
        let result = await SystemThread.attempt { () throws(BackendError) in try file.read() }
        switch result {
        case .failure(let error):
            self.log(.error, "what was kept on the disk is not used: \(error)")
            return error.code != .unavailable
        case .success(let contents?) where !self.isOurs(contents):
            self.log(
                .warning,
                "\(file.path) is of another registry or namespace (\(contents.backend), \(contents.namespace)), and not used"
            )
        case .success(let contents?):
            let (now, date) = (self.configuration.clock.now, Date())
            let fallbacks = contents.services.map { service in
                let age = max(date.timeIntervalSince(service.asOf ?? contents.writtenAt), 0)
                let moment = now.advanced(by: .seconds(-age))
                return (service.name, Fallback(instances: service.instances, since: moment))
            }
            self.setFallbacks(fallbacks)
        case .success(nil): break
        }
        return true
    }

    private func isOurs(_ contents: SnapshotContents) -> Bool {
        contents.backend == self.backend.name && contents.namespace == self.configuration.namespace
    }

    private func write(to file: SnapshotFile) async -> Bool {
        let contents = SnapshotContents(
            namespace: self.configuration.namespace,
            backend: self.backend.name,
            writtenAt: Date(),
            services: self.known
        )
        let result = await SystemThread.attempt { () throws(BackendError) in try file.write(contents) }
        guard case .failure(let error) = result else { return true }
        self.log(.warning, "what is known cannot be kept on the disk: \(error)")
        return false
    }

    /// What is known of each service: from the registry, or else from the file or from before it was watched no longer.
    private var known: [SnapshotContents.Service] {
        var (known, views) = self.knowledge
        for view in views {
            if let last = view.lastKnown { known[view.service] = last }
        }
        let (now, date) = (self.configuration.clock.now, Date())
        return known.filter { !$0.value.instances.isEmpty }.sorted { $0.key < $1.key }.map { name, fallback in
            let age = fallback.since.duration(to: now)
            let asOf = age > .zero ? date.addingTimeInterval(-age.inNanoseconds / 1e9) : nil
            return SnapshotContents.Service(name: name, instances: fallback.instances, asOf: asOf)
        }
    }
}

/// What was known of a service when the file was written, or when it was watched last.
struct Fallback: Hashable, Sendable {
    /// How long the registry has to answer before it is shown.
    static let patience = Duration.seconds(1)

    let instances: [ServiceInstance]
    let since: TimeSource.Instant
}
