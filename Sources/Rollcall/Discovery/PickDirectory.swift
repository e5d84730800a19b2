import Synchronization

/// The tables of all services that are watched, found and read under one lock that is held for some nanoseconds.
///
/// One lock is less than what else a choice would take: one to find the service, one to read its table, and a count of
/// references for each table, which two threads would fight for.
final class PickDirectory: Sendable {
    private struct Entry {
        let name: ServiceName
        let view: ServiceView
        var table: SelectionTable?
        var wasUsed = false
    }

    private struct State {
        /// Open addressing with linear probing, at most half full; 0 where nothing is.
        var hashes: [UInt64] = Array(repeating: 0, count: 16)
        /// Apart from the hashes, so that what is not looked for is not even read.
        var entries: [Entry?] = Array(repeating: nil, count: 16)
        var count = 0
        var random = SplitMix64()

        /// The slot of a name, or the free one where it would be.
        func slot(of name: ServiceName, _ hash: UInt64) -> Int {
            let mask = self.hashes.count - 1
            var slot = Int(truncatingIfNeeded: hash) & mask
            // The hash is of the bytes, so that texts that are merely equivalent differ already in it.
            while self.hashes[slot] != 0, self.hashes[slot] != hash || self.entries[slot]?.name.text != name.text {
                slot = (slot + 1) & mask
            }
            return slot
        }
    }

    /// What a choice under the lock came to.
    enum Choice {
        case instance(ServiceInstance)
        /// The table is one that must be asked outside of the lock.
        case table(SelectionTable, UInt64)
        /// Nothing may be chosen.
        case none
        /// The service is not watched yet.
        case unknown
    }

    /// What a call begins with.
    struct Found {
        let view: ServiceView
        /// `nil` when nothing may be chosen.
        let table: SelectionTable?
        let random: UInt64
    }

    private let state = Mutex(State())

    /// Chooses an instance, and notes that the service is used.
    func pick(_ service: ServiceName, key: String?) -> Choice {
        let hash = Self.hash(service)
        return self.state.withLock { state in
            let slot = state.slot(of: service, hash)
            guard state.hashes[slot] != 0 else { return .unknown }
            state.entries[slot]?.wasUsed = true
            guard let table = state.entries[slot]?.table else { return .none }
            let random = state.random.next()
            guard table.isQuick else { return .table(table, random) }
            return .instance(table.instances[table.quickPick(PickRequest(key: key, random: random))])
        }
    }

    /// What a call to a service that is watched begins with, and notes that the service is used.
    func find(_ service: ServiceName) -> Found? {
        let hash = Self.hash(service)
        return self.state.withLock { state in
            let slot = state.slot(of: service, hash)
            guard state.hashes[slot] != 0, let view = state.entries[slot]?.view else { return nil }
            state.entries[slot]?.wasUsed = true
            return Found(view: view, table: state.entries[slot]?.table, random: state.random.next())
        }
    }

    /// The view of a service that is watched, and notes that it is used if that is wished.
    func view(of service: ServiceName, isLookup: Bool) -> ServiceView? {
        self.state.withLock { state in
            let slot = state.slot(of: service, Self.hash(service))
            if isLookup { state.entries[slot]?.wasUsed = true }
            return state.entries[slot]?.view
        }
    }

    /// Adds a view.
    func insert(_ view: ServiceView) {
        self.state.withLock { state in
            if (state.count + 1) * 2 > state.hashes.count { Self.rebuild(&state, count: state.hashes.count * 2) }
            let hash = Self.hash(view.service)
            let slot = state.slot(of: view.service, hash)
            guard state.hashes[slot] == 0 else { return }
            state.hashes[slot] = hash
            state.entries[slot] = Entry(name: view.service, view: view)
            state.count += 1
        }
    }

    /// Takes a view out.
    func remove(_ view: ServiceView) {
        self.state.withLock { state in
            let slot = state.slot(of: view.service, Self.hash(view.service))
            guard state.entries[slot]?.view === view else { return }
            state.entries[slot] = nil
            state.count -= 1
            // Those behind it must be found without it.
            Self.rebuild(&state, count: state.hashes.count)
        }
    }

    /// Notes the table of a view; one that was taken out is not there any more.
    func setTable(_ table: SelectionTable?, of view: ServiceView) {
        self.state.withLock { state in
            let slot = state.slot(of: view.service, Self.hash(view.service))
            guard state.entries[slot]?.view === view else { return }
            state.entries[slot]?.table = table
        }
    }

    /// Whether a service was used since the last time that this was asked.
    func takeUse(of service: ServiceName) -> Bool {
        self.state.withLock { state in
            let slot = state.slot(of: service, Self.hash(service))
            defer { state.entries[slot]?.wasUsed = false }
            return state.entries[slot]?.wasUsed ?? false
        }
    }

    func nextRandom() -> UInt64 { self.state.withLock { $0.random.next() } }

    private static func rebuild(_ state: inout State, count: Int) {
        let entries = state.entries.compactMap { $0 }
        state.hashes = Array(repeating: 0, count: count)
        state.entries = Array(repeating: nil, count: count)
        for entry in entries {
            let hash = Self.hash(entry.name)
            let slot = state.slot(of: entry.name, hash)
            state.hashes[slot] = hash
            state.entries[slot] = entry
        }
    }

    /// A hash that is not 0, which stands for nothing.
    @inline(__always)
    private static func hash(_ name: ServiceName) -> UInt64 { max(KeyHash.hash(name.text), 1) }
}
