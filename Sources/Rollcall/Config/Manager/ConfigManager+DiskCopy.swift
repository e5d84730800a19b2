import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What is kept on the disk, for a start while the backend is away (user ask 22).
extension ConfigManager {
    /// Reads the file, and then writes it after changes until the task is cancelled.
    ///
    /// - Parameter hasRead: Raised once the start need not wait for the file any longer.
    func keepDiskCopy(hasRead: Signal) async {
        defer { hasRead.raise() }
        guard let path = self.configuration.diskCopy else { return }
        let file: ConfigCopyFile
        do throws(ValidationError) {
            file = try ConfigCopyFile(path: path, key: self.configuration.diskCopyKey)
        } catch {
            return self.log(.error, "nothing is kept on the disk: \(error)")
        }
        self.tellWhatIsLeftOut()
        var isRead = await self.restore(from: file)
        hasRead.raise()
        // What cannot be read now may be good, and must not be written over.
        while !isRead {
            guard (try? await self.configuration.clock.sleep(for: self.configuration.diskCopyInterval)) != nil else {
                return
            }
            isRead = await self.restore(from: file)
            if isRead, self.ready.isRaised { self.useSaved() }
        }
        await self.keepWriting(file)
    }

    private func keepWriting(_ file: ConfigCopyFile) async {
        var schedule = SnapshotWriteSchedule(interval: self.configuration.diskCopyInterval)
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
            if await self.waitForRequest(until: due) { schedule.changed() }
        }
        if self.state.withLock({ $0.machine.copyIsOutdated }) { _ = await self.write(to: file) }
    }

    /// Waits until the file is out of date, or for a moment if there is one to wait for.
    ///
    /// - Returns: Whether the file is out of date.
    private func waitForRequest(until due: TimeSource.Instant?) async -> Bool {
        guard let due else { return (try? await self.copyRequests.next()) != nil }
        let hasCome = Signal()
        await race {
            if (try? await self.copyRequests.next()) != nil { hasCome.raise() }
        } _: {
            try? await self.configuration.clock.sleep(until: due, tolerance: nil)
        }
        return hasCome.isRaised
    }

    /// Reads the file.
    ///
    /// - Returns: False when it may be read later.
    private func restore(from file: ConfigCopyFile) async -> Bool {
        let result = await SystemThread.attempt { () throws(BackendError) in try file.read() }
        switch result {
        case .failure(let error):
            self.state.withLock { $0.machine.counts.failedCopies += 1 }
            self.log(.error, "what was kept on the disk is not used: \(error)")
            return error.code != .unavailable
        case .success(let copy?)
        where copy.backend != self.backend.name || copy.namespace != self.configuration.namespace:
            self.state.withLock { $0.machine.counts.failedCopies += 1 }
            let origin = "\(copy.backend.quotedForDisplay), \(copy.namespace)"
            self.log(.warning, "\(file.file.path) is of another backend or namespace (\(origin)), and not used")
        case .success(let copy?):
            let (now, date) = (self.now, Date())
            self.state.withLock { state in
                for item in copy.items { state.machine.restore(item, at: now, date: date) }
            }
        case .success(nil): break
        }
        return true
    }

    private func write(to file: ConfigCopyFile) async -> Bool {
        let (now, date) = (self.now, Date())
        let isSealed = file.key != nil
        let items = self.state.withLock { state in
            state.machine.copyIsOutdated = false
            return state.machine.copyItems(withSecrets: isSealed, at: now, date: date)
        }
        let copy = ConfigCopy(namespace: self.configuration.namespace, backend: self.backend.name, items: items)
        let result = await SystemThread.attempt { () throws(BackendError) in try file.write(copy) }
        guard case .failure(let error) = result else {
            self.state.withLock { $0.machine.counts.copies += 1 }
            return true
        }
        self.state.withLock { state in
            state.machine.counts.failedCopies += 1
            state.machine.copyIsOutdated = true
        }
        self.log(.warning, "what is in force cannot be kept on the disk: \(error)")
        return false
    }

    private func tellWhatIsLeftOut() {
        guard self.configuration.diskCopyKey == nil else { return }
        let count = self.state.withLock { $0.machine.entries.values.count { $0.item.isSecret } }
        guard count > 0 else { return }
        self.log(
            .warning,
            "\(count) secret keys are not kept on the disk, because there is no key to encrypt them with"
        )
    }

    /// Uses what the disk says where the backend gives nothing to use.
    func useSaved() {
        for key in self.keys { self.useSaved(of: key) }
    }

    /// Uses what the disk says of a key, if the backend gives nothing to use and the validator has nothing against it.
    func useSaved(of key: ConfigKey) {
        let (saved, item) = self.state.withLock { ($0.machine.savedToUse(of: key), $0.machine.entries[key]?.item) }
        guard let saved, let item else { return }
        switch item.verdict(on: saved.edition) {
        case .passes:
            let now = self.now
            self.change(key) { $0.useSaved(saved, at: now) }
        case .skipped(let reason), .refused(let reason):
            self.log(.error, "version \(saved.edition.version) of \(key), which is on the disk, is refused: \(reason)")
        }
    }
}

extension ConfigMachine {
    /// Takes what the disk says, of a key that is kept.
    fileprivate mutating func restore(_ item: ConfigCopy.Item, at now: TimeSource.Instant, date: Date) {
        guard let isSecret = self.entries[item.key]?.item.isSecret else { return }
        let edition = ConfigEdition(
            key: item.key,
            name: item.name,
            version: item.version,
            content: item.content,
            source: .file,
            takenAt: now,
            isSecret: isSecret
        )
        let age = max(date.timeIntervalSince(item.asOf), 0)
        self.restore(Saved(edition: edition, asOf: now.advanced(by: .seconds(-age))))
    }

    /// The last good editions, in order of their keys.
    fileprivate func copyItems(withSecrets: Bool, at now: TimeSource.Instant, date: Date) -> [ConfigCopy.Item] {
        self.entries.sorted { $0.key < $1.key }.compactMap { key, entry in
            guard withSecrets || !entry.item.isSecret, let edition = entry.confirmed ?? entry.saved?.edition else {
                return nil
            }
            let isLive = entry.confirmed != nil && entry.staleSince == nil
            let heard = entry.confirmed == nil ? entry.saved?.asOf : entry.confirmedAt
            let age = isLive ? .zero : heard?.duration(to: now) ?? .zero
            return ConfigCopy.Item(
                key: key,
                name: edition.name,
                version: edition.version,
                content: edition.content,
                asOf: date.addingTimeInterval(-age.inNanoseconds / 1e9)
            )
        }
    }
}
