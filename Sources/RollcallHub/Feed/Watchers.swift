import Rollcall

/// What a stream or poll watches.
struct WatchInterest: Sendable {
    /// Which stream or poll.
    let number: UInt64
    let namespace: Namespace
    let patterns: [ServicePattern]

    func covers(_ place: RegistryTable.Place) -> Bool { self.patterns.contains { $0.matches(place.service) } }
}

/// Who watches which services.
struct Watchers<Member: Sendable>: Sendable {
    private var exact: [RegistryTable.Place: [UInt64: Member]] = [:]
    private var patterns: [Namespace: [UInt64: (interest: WatchInterest, member: Member)]] = [:]

    mutating func insert(_ member: Member, _ interest: WatchInterest) {
        for pattern in interest.patterns {
            if let service = pattern.service {
                let place = RegistryTable.Place(namespace: interest.namespace, service: service)
                self.exact[place, default: [:]][interest.number] = member
            } else {
                self.patterns[interest.namespace, default: [:]][interest.number] = (interest, member)
            }
        }
    }

    mutating func remove(_ interest: WatchInterest) {
        for pattern in interest.patterns {
            if let service = pattern.service {
                let place = RegistryTable.Place(namespace: interest.namespace, service: service)
                self.exact.remove(interest.number, at: place)
            } else {
                self.patterns.remove(interest.number, at: interest.namespace)
            }
        }
    }

    /// Whether anybody watches a service.
    func contains(_ place: RegistryTable.Place) -> Bool {
        if self.exact[place] != nil { return true }
        return self.patterns[place.namespace]?.values.contains { $0.interest.covers(place) } ?? false
    }

    /// All who watch a service, each once.
    func members(of place: RegistryTable.Place) -> [Member] {
        let named = self.exact[place] ?? [:]
        var members = Array(named.values)
        for (number, (interest, member)) in self.patterns[place.namespace] ?? [:] where named[number] == nil {
            if interest.covers(place) { members.append(member) }
        }
        return members
    }
}

extension Watchers {
    /// All who watch something in a namespace, perhaps more than once.
    func members(in namespace: Namespace) -> [Member] {
        let named = self.exact.filter { $0.key.namespace == namespace }.flatMap(\.value.values)
        return named + (self.patterns[namespace]?.values.map(\.member) ?? [])
    }
}

extension Dictionary {
    /// Takes a member out of the table at a key, and the table when it was the last.
    mutating func remove<Member>(_ number: UInt64, at key: Key) where Value == [UInt64: Member] {
        self[key]?[number] = nil
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}
