/// Records in one array, named by their places in it: tables and the wheel hold four bytes for each.
struct RecordPool: Sendable {
    /// A place in the array, which is used again once its record is gone.
    typealias Slot = UInt32

    private var records: [RegistryTable.Record?] = []
    private var free: [Slot] = []

    /// How many records there are.
    var count: Int { self.records.count - self.free.count }

    /// The record at a place, if there is one.
    subscript(slot: Slot) -> RegistryTable.Record? {
        get { Int(slot) < self.records.count ? self.records[Int(slot)] : nil }
        _modify { yield &self.records[Int(slot)] }
    }

    /// Adds a record.
    mutating func insert(_ record: RegistryTable.Record) -> Slot {
        if let slot = self.free.popLast() {
            self.records[Int(slot)] = record
            return slot
        }
        self.records.append(record)
        return Slot(self.records.count - 1)
    }

    /// Takes a record out.
    mutating func remove(_ slot: Slot) {
        self.records[Int(slot)] = nil
        self.free.append(slot)
        // Entries of the wheel may name places that are no more; their numbers are never given out again.
        if self.count == 0 { self = RecordPool() }
    }

    /// Gives every lease more time.
    mutating func extendAll(by duration: Duration) {
        for index in self.records.indices {
            guard let expiry = self.records[index]?.expiry else { continue }
            self.records[index]?.expiry = expiry.advanced(by: duration)
        }
    }
}
