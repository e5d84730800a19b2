import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Changes that reach the disk together: what they are made to, and what is written.
struct StateCommit {
    /// The part of the configuration that the jobs look at, as it will be.
    private(set) var config: ConfigTable
    /// The keys of that part.
    private var places: Set<ConfigTable.Place> = []
    /// What is written.
    private(set) var records: [StateRecord] = []
    /// The time of all changes: whole milliseconds, as they are written.
    let date: Date
    /// Where what is not in memory is read.
    let file: StateFile
    private let readCommitted: (inout ConfigTable, ConfigTable.Place) -> Void

    /// Begins a commit.
    ///
    /// - Parameters:
    ///   - config: A part of nothing.
    ///   - file: Where what is not in memory is read.
    ///   - date: The time.
    ///   - readCommitted: Takes a key into the part.
    init(
        _ config: ConfigTable,
        file: StateFile,
        date: Date,
        readCommitted: @escaping (inout ConfigTable, ConfigTable.Place) -> Void
    ) {
        self.config = config
        self.file = file
        self.date = Date(timeIntervalSince1970: (date.timeIntervalSince1970 * 1000).rounded() / 1000)
        self.readCommitted = readCommitted
    }

    /// Makes changes of some keys; when it throws, none of them is made.
    ///
    /// - Parameters:
    ///   - places: The keys that may change.
    ///   - change: Changes them, and returns what is written of it.
    /// - Returns: What `change` returns.
    /// - Throws: What `change` throws.
    mutating func change<Value>(
        _ places: [ConfigTable.Place],
        _ change: (inout ConfigTable, Date) throws(BackendError) -> (Value, [StateRecord])
    ) throws(BackendError) -> Value {
        for place in places where self.places.insert(place).inserted { self.readCommitted(&self.config, place) }
        let date = self.date
        let (value, records): (Value, [StateRecord])
        if places.count == 1 {
            // One change looks at everything before it changes anything.
            (value, records) = try change(&self.config, date)
        } else {
            (value, records) = try self.config.atomically(at: places) { table throws(BackendError) in
                try change(&table, date)
            }
        }
        self.records += records
        return value
    }

    /// The state that a write left, on the disk or in this commit; `nil` when it is not kept.
    func item(at place: ConfigTable.Place, writtenAs write: WriteID) throws(BackendError) -> ConfigTable.Item? {
        for record in self.records {
            if case .put(place, let item, write) = record { return item }
        }
        return try self.file.item(at: place, writtenAs: write)
    }

    /// Adds what is written of a lock.
    mutating func write(_ record: StateRecord) {
        self.records.append(record)
    }
}
