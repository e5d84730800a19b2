/// What changed about one instance between two snapshots that a reader was given.
///
/// Events are the net change: an instance that came and went in between causes none, one that was replaced causes
/// one `updated`. Each change is told once, after it can be read from the discovery's tables.
public enum ServiceEvent: Hashable, Sendable {
    /// The instance was not there before.
    case registered(ServiceInstance)
    /// The instance was there before and says something else now.
    case updated(old: ServiceInstance, new: ServiceInstance)
    /// The instance is no longer there.
    case removed(ServiceInstance, reason: DepartureReason)

    /// The instance as it is now, or as it was last.
    public var instance: ServiceInstance {
        switch self {
        case .registered(let instance), .updated(_, let instance), .removed(let instance, _): instance
        }
    }
}

extension ServiceSnapshot {
    /// The events that lead from `earlier` to this snapshot, in order of instance ids.
    ///
    /// - Parameter earlier: The snapshot that the reader had before; `nil` when this is its first.
    /// - Returns: One event for each instance that came, changed or went.
    public func events(since earlier: ServiceSnapshot?) -> [ServiceEvent] {
        var events: [ServiceEvent] = []
        var old = (earlier?.instances ?? [])[...]
        for new in self.instances {
            while let gone = old.first, gone.id < new.id {
                events.append(.removed(gone, reason: self.departed[gone.id] ?? .unknown))
                old.removeFirst()
            }
            if let before = old.first, before.id == new.id {
                if !before.describesSame(as: new) { events.append(.updated(old: before, new: new)) }
                old.removeFirst()
            } else {
                events.append(.registered(new))
            }
        }
        return events + old.map { .removed($0, reason: self.departed[$0.id] ?? .unknown) }
    }
}
