import Rollcall

/// One change of what the hub keeps on the disk, as it is written.
enum StateRecord: Sendable {
    /// A state that a key has now, and what its writer called the write.
    case put(ConfigTable.Place, ConfigTable.Item, WriteID? = nil)
    /// The candidate that a key has now; `nil` for none.
    case candidate(ConfigTable.Place, ConfigCandidate?)
    /// Who holds a lock now.
    case hold(LockTable.Place, LockTable.Grant)
    /// Nobody holds a lock any more.
    case free(LockTable.Place)
    /// Changes nothing, and shows whether the file can be written.
    case nothing

    /// The key whose state or candidate it is.
    var configPlace: ConfigTable.Place? {
        switch self {
        case .put(let place, _, _), .candidate(let place, _): place
        case .hold, .free, .nothing: nil
        }
    }
}

/// What a file of state has when it is opened.
struct StateContents: Sendable {
    /// Of each key its newest state.
    var states: [(place: ConfigTable.Place, item: ConfigTable.Item)] = []
    var candidates: [(place: ConfigTable.Place, candidate: ConfigCandidate)] = []
    /// The count of changes of configuration.
    var revision: UInt64 = 0
    /// Who held which lock, without when that ends.
    var holders: [(place: LockTable.Place, proof: String, token: UInt64, ttl: Duration)] = []
    /// The highest token that was ever given.
    var lastToken: UInt64 = 0
}
