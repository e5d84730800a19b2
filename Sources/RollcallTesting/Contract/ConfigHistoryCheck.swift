public import Rollcall

/// One operation on a key, as its caller saw it.
public struct ConfigOperation: Sendable {
    /// What was asked, and what came of it.
    public enum Kind: Sendable {
        /// A read, and what it returned.
        case read(ConfigEntry?)
        /// A write, and what is stored by it; `nil` when nobody can tell whether it was made.
        case write(ConfigContent, expecting: ConfigExpectation, ConfigEntry?)
        /// A write that was refused because something else was stored.
        case refused(expecting: ConfigExpectation)
    }

    /// The key.
    public let key: ConfigKey
    /// What was asked, and what came of it.
    public let kind: Kind
    /// When it was asked.
    public let began: TimeSource.Instant
    /// When the answer was there.
    public let ended: TimeSource.Instant

    /// Creates an operation.
    public init(_ key: ConfigKey, _ kind: Kind, began: TimeSource.Instant, ended: TimeSource.Instant) {
        self.key = key
        self.kind = kind
        self.began = began
        self.ended = ended
    }
}

/// Holds what callers saw against what one register for each key would have shown them.
///
/// Versions say in which order writes took effect, so that the history is linearizable exactly if that order fits what
/// was read, what was expected, and what was over before something else began. Every content must be written once
/// only, nothing be deleted, and no version be chosen by a writer.
public enum ConfigHistoryCheck {
    /// What is wrong with a history; empty for one that is linearizable.
    ///
    /// - Parameter operations: All operations, in any order.
    /// - Returns: A line for each contradiction.
    public static func faults(of operations: [ConfigOperation]) -> [String] {
        Dictionary(grouping: operations, by: \.key).sorted { $0.key < $1.key }.flatMap { key, operations in
            var register = RegisterHistory(operations)
            return register.faults().map { "\(key): \($0)" }
        }
    }
}

/// The history of one key.
private struct RegisterHistory {
    private let operations: [ConfigOperation]
    private var entries: [Int64: ConfigEntry] = [:]
    private var faultsFound: [String] = []

    init(_ operations: [ConfigOperation]) {
        self.operations = operations
    }

    mutating func faults() -> [String] {
        self.collectEntries()
        self.checkContents()
        self.checkExpectations()
        self.checkOrder()
        return self.faultsFound
    }

    /// A version is one content and one revision for everybody.
    private mutating func collectEntries() {
        for entry in self.operations.compactMap(\.entry) {
            if let known = self.entries[entry.version],
                known.content != entry.content || known.revision != entry.revision
            {
                self.faultsFound.append("version \(entry.version) was seen with two contents or revisions")
            }
            self.entries[entry.version] = entry
        }
    }

    /// Nothing is read that nobody wrote, and nothing takes effect twice.
    private mutating func checkContents() {
        var written: Set<ConfigContent> = []
        for operation in self.operations {
            if case .write(let content, _, _) = operation.kind { written.insert(content) }
        }
        var versions: [ConfigContent: Int64] = [:]
        for entry in self.entries.values {
            if !written.contains(entry.content) {
                self.faultsFound.append("version \(entry.version) is something that nobody wrote")
            }
            if let other = versions.updateValue(entry.version, forKey: entry.content) {
                self.faultsFound.append("one write is version \(other) and version \(entry.version)")
            }
        }
    }

    /// A write with a precondition follows what it expected; one is refused only when something else came before.
    private mutating func checkExpectations() {
        for operation in self.operations {
            switch operation.kind {
            case .write(_, .revision(let expected), let entry?):
                if let former = self.entries[entry.version - 1], former.revision != expected {
                    self.faultsFound.append(
                        "version \(entry.version) expected revision \(expected), not \(former.revision)"
                    )
                }
            case .write(_, .absent, let entry?):
                if entry.version != 1 {
                    self.faultsFound.append("version \(entry.version) expected that nothing was there")
                }
            case .refused(.revision(let expected)):
                guard let version = self.entries.values.first(where: { $0.revision == expected })?.version else {
                    break
                }
                let others = self.operations.contains { other in
                    guard case .write(_, _, let entry) = other.kind, other.began <= operation.ended else {
                        return false
                    }
                    return entry.map { $0.version > version } ?? true
                }
                if !others {
                    self.faultsFound.append("a write upon version \(version) was refused with nothing behind it")
                }
            default: break
            }
        }
    }

    /// What was over before something else began is not behind it.
    private mutating func checkOrder() {
        let seen = self.operations.compactMap { operation in operation.version.map { (operation, $0) } }
        let ends = seen.sorted { $0.0.ended < $1.0.ended }
        var next = 0
        var highest: Int64 = 0
        for (operation, version) in seen.sorted(by: { $0.0.began < $1.0.began }) {
            while next < ends.count, ends[next].0.ended < operation.began {
                highest = max(highest, ends[next].1)
                next += 1
            }
            if operation.isWrite ? version <= highest : version < highest {
                let verb = operation.isWrite ? "written" : "read"
                self.faultsFound.append("version \(version) was \(verb) after version \(highest) had been seen")
            }
        }
    }
}

extension ConfigOperation {
    fileprivate var isWrite: Bool { if case .write = self.kind { true } else { false } }

    fileprivate var entry: ConfigEntry? {
        switch self.kind {
        case .read(let entry), .write(_, _, let entry): entry
        case .refused: nil
        }
    }

    /// The version that it shows; 0 for nothing that is stored, `nil` where it shows none.
    fileprivate var version: Int64? {
        switch self.kind {
        case .read(let entry): entry?.version ?? 0
        case .write(_, _, let entry): entry?.version
        case .refused: nil
        }
    }
}
