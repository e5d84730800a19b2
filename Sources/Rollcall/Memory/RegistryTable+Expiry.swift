/// The end of leases.
extension RegistryTable {
    /// Ends the leases that are due.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - lateness: How much later this is called than was meant. Beyond 200 ms the process or machine stood still,
    ///     and the holders could not renew: every lease gets that much more.
    /// - Returns: What left, and from where.
    package mutating func expire(at now: TimeSource.Instant, lateness: Duration) -> [Change] {
        if lateness > .milliseconds(200) { self.pool.extendAll(by: lateness) }
        self.tombstones = self.tombstones.filter { $0.value > now }
        var due: [Place: [Entry]] = [:]
        for entry in self.wheel.advance(to: now) {
            guard let record = self.pool[entry.slot], record.entry == entry.number else { continue }
            if record.expiry <= now {
                due[record.place, default: []].append(entry)
            } else {
                self.wheel.insert(entry, due: min(record.expiry, now.advanced(by: record.ttl)))
            }
        }
        self.expiryGuard?.prune(at: now)
        return due.compactMap { place, entries in self.end(entries, at: place, now: now) }
    }

    /// Drops the records of one service that are due, but for those that the guard keeps.
    private mutating func end(_ due: [Entry], at place: Place, now: TimeSource.Instant) -> Change? {
        var whole: Change?
        for entry in self.notKept(due, at: place, now: now) {
            guard let id = self.pool[entry.slot]?.own.id, let change = self.drop(id, at: place, reason: .expired) else {
                continue
            }
            whole = whole ?? change
            whole?.departed[id] = .expired
            whole?.changesNames = change.changesNames
            whole?.to = change.to
        }
        return whole
    }

    /// Those of the records that are due that nothing speaks for any more.
    private mutating func notKept(_ due: [Entry], at place: Place, now: TimeSource.Instant) -> [Entry] {
        guard self.expiryGuard != nil else { return due }
        let over = due.filter { self.pool[$0.slot]?.isHeld == true }
        let fresh = due.filter { self.pool[$0.slot]?.isHeld == false }
        guard !fresh.isEmpty else { return over }
        let records = self.records(at: place)
        let isKept =
            self.expiryGuard?.keeps(
                fresh.compactMap { self.pool[$0.slot] },
                held: records.count { $0.isHeld },
                all: records.count,
                at: place,
                now: now
            ) ?? false
        guard isKept else { return due }
        for entry in fresh {
            guard let ttl = self.pool[entry.slot]?.ttl else { continue }
            let expiry = now.advanced(by: ExpiryGuard.grace(ttl))
            self.pool[entry.slot]?.expiry = expiry
            self.pool[entry.slot]?.isHeld = true
            // Looked at before that, too: a renewal makes it end sooner than the grace does.
            self.wheel.insert(entry, due: min(expiry, now.advanced(by: ttl)))
        }
        return over
    }
}
