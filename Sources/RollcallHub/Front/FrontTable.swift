import Rollcall

/// What a hub in front of an engine told last of each service, with revisions of its own: a value.
///
/// The engine's revisions cannot be compared between services or hubs; these are counted here, belong to this hub's epoch,
/// and never repeat in it.
struct FrontTable: Sendable {
    /// A change as streams are told it.
    struct Change: Sendable {
        let from: UInt64
        let to: UInt64
        let isGone: Bool
        let upserts: [ServiceInstance]
        let removed: [(InstanceID, DepartureReason)]
    }

    private struct State: Sendable {
        var instances: [ServiceInstance]
        var revision: UInt64
    }

    private struct Record: Sendable {
        /// What streams were told.
        var told: State?
        /// What was read last, which may be ahead of what streams were told.
        var read: State?
        /// How many passes ago it was used last.
        var age = 0
    }

    /// After how many passes without use a service is forgotten: with one each 10 s, after five minutes.
    static let maximumAge = 30

    /// The revision of the last change of any service.
    private(set) var revision: UInt64 = 0
    private var records: [ServiceName: Record] = [:]

    /// The revision that streams were told of a service.
    func toldRevision(of service: ServiceName) -> UInt64? { self.records[service]?.told?.revision }

    /// Takes what a watch delivered.
    ///
    /// - Parameter snapshot: The state.
    /// - Returns: What changed for streams, of the first state all that is there; `nil` for nothing.
    mutating func tell(_ snapshot: ServiceSnapshot) -> Change? {
        let service = snapshot.service
        let (former, read) = (self.records[service]?.told, self.records[service]?.read)
        guard former?.instances != snapshot.instances else { return nil }
        var revision = self.revision
        if let read, read.instances == snapshot.instances, read.revision > former?.revision ?? 0 {
            revision = read.revision
        } else if former != nil || !snapshot.instances.isEmpty {
            revision = self.next()
        }
        self.records[service, default: Record()].told = State(instances: snapshot.instances, revision: revision)
        // Streams of patterns do not know yet of a service that is new.
        guard former != nil || !snapshot.instances.isEmpty else { return nil }
        return Self.change(from: former ?? State(instances: [], revision: 0), to: snapshot, revision)
    }

    /// Takes what was read from the engine.
    ///
    /// - Parameter snapshot: The state.
    /// - Returns: The revision that it has here.
    mutating func read(_ snapshot: ServiceSnapshot) -> UInt64 {
        let record = self.records[snapshot.service] ?? Record()
        self.records[snapshot.service]?.age = 0
        for state in [record.read, record.told].compactMap(\.self) where state.instances == snapshot.instances {
            return state.revision
        }
        // Names of services that are not there come from whoever asks, and are not kept.
        guard !snapshot.instances.isEmpty || record.told != nil || record.read != nil else { return self.revision }
        let state = State(instances: snapshot.instances, revision: self.next())
        self.records[snapshot.service, default: Record()].read = state
        return state.revision
    }

    /// What streams were told of a service; empty for one that nobody follows.
    func snapshot(of service: ServiceName) -> (instances: [ServiceInstance], revision: UInt64) {
        guard let told = self.records[service]?.told else { return ([], self.revision) }
        return (told.instances, told.revision)
    }

    /// Makes services older that nobody follows, and forgets those that nobody asked for in a while.
    mutating func age(where isUnused: (ServiceName) -> Bool) {
        for service in self.records.keys { self.records[service]?.age += 1 }
        let kept = self.records.filter { $0.value.age < Self.maximumAge || !isUnused($0.key) }
        guard kept.count < self.records.count else { return }
        // Whoever has a revision from before must not find it again for something else.
        _ = self.next()
        self.records = kept
    }

    private mutating func next() -> UInt64 {
        self.revision += 1
        return self.revision
    }

    private static func change(from former: State, to snapshot: ServiceSnapshot, _ revision: UInt64) -> Change {
        let before = Dictionary(uniqueKeysWithValues: former.instances.map { ($0.id, $0) })
        let present = Set(snapshot.instances.map(\.id))
        return Change(
            from: former.revision,
            to: revision,
            isGone: snapshot.instances.isEmpty,
            upserts: snapshot.instances.filter { before[$0.id] != $0 },
            removed: former.instances.map(\.id).filter { !present.contains($0) }.map {
                ($0, snapshot.departed[$0] ?? .unknown)
            }
        )
    }
}
