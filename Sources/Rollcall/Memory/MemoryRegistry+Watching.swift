import Synchronization

// Who watches a registry within the process, and what he is told.
extension MemoryRegistry {
    /// Delivers the snapshots of a service until the task is cancelled.
    package func watch(
        _ place: RegistryTable.Place,
        deliver: @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let mailbox = SnapshotMailbox.snapshots()
        let id = self.state.withLock { state in
            let id = state.takeWatchID()
            state.snapshots[place, default: [:]][id] = mailbox
            // While the registry is away nobody can ask it; its return pushes to every watch.
            if state.isReachable { mailbox.offer(Self.snapshot(of: place, in: state), for: place.service) }
            return id
        }
        defer {
            self.state.withLock { state in
                state.snapshots[place]?[id] = nil
                if state.snapshots[place]?.isEmpty == true { state.snapshots[place] = nil }
            }
        }
        var revision: UInt64 = 0
        while let snapshot = try await mailbox.next() {
            revision += 1
            deliver(snapshot.renumbered(revision))
        }
        throw BackendError(.closed, "the registry is gone")
    }

    /// Delivers the names of a namespace's services until the task is cancelled.
    package func watchNames(
        _ namespace: Namespace,
        deliver: @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        let mailbox = KeyedMailbox<Namespace, [ServiceName]>()
        let id = self.state.withLock { state in
            let id = state.takeWatchID()
            state.names[namespace, default: [:]][id] = mailbox
            mailbox.offer(state.table.summaries(of: namespace).map(\.service), for: namespace)
            return id
        }
        defer {
            self.state.withLock { state in
                state.names[namespace]?[id] = nil
                if state.names[namespace]?.isEmpty == true { state.names[namespace] = nil }
            }
        }
        while let names = try await mailbox.next() { deliver(names) }
        throw BackendError(.closed, "the registry is gone")
    }

    /// Tells watchers of a change, or will do so once the registry is back.
    static func publish(_ change: RegistryTable.Change, in state: inout State) {
        guard state.isReachable else { return state.heldBack.append(change) }
        Self.push(change, in: &state)
    }

    /// Makes each snapshot once, however many watch the service; it runs under the lock so that order is kept.
    static func push(_ change: RegistryTable.Change, in state: inout State) {
        if let watches = state.snapshots[change.place], !watches.isEmpty {
            let snapshot = Self.snapshot(of: change.place, departed: change.departed, in: state)
            for mailbox in watches.values { mailbox.offer(snapshot, for: change.place.service) }
        }
        let namespace = change.place.namespace
        if change.changesNames, let watches = state.names[namespace], !watches.isEmpty {
            let names = state.table.summaries(of: namespace).map(\.service)
            for mailbox in watches.values { mailbox.offer(names, for: namespace) }
        }
    }

    private static func snapshot(
        of place: RegistryTable.Place,
        departed: [InstanceID: DepartureReason] = [:],
        in state: borrowing State
    ) -> ServiceSnapshot {
        ServiceSnapshot(
            service: place.service,
            instances: state.table.instances(at: place),
            revision: 0,
            departed: departed,
            freshness: state.staleSince.map { .stale(since: $0) } ?? .live,
            source: MemoryBackend.name
        )
    }
}
