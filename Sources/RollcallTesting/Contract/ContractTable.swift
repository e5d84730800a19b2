package import Rollcall

/// The lines of the contract as a table for people: what each backend does where the contract leaves room.
///
/// What stands in it is what a backend's capabilities say, which is what the suite asserts of it.
package struct ContractTable {
    /// A backend.
    package struct Column {
        let name: String
        let backend: any RegistryBackend & ConfigBackend & LockBackend
        let deadHolder: String

        /// Describes a backend.
        ///
        /// - Parameters:
        ///   - name: What it is called.
        ///   - backend: A client, which is asked for its capabilities alone.
        ///   - deadHolder: When the lock of a dead holder is free (C18a).
        package init(
            _ name: String,
            _ backend: any RegistryBackend & ConfigBackend & LockBackend,
            deadHolder: String
        ) {
            self.name = name
            self.backend = backend
            self.deadHolder = deadHolder
        }
    }

    private let columns: [Column]

    /// Creates a table.
    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// The table in Markdown.
    package var markdown: String {
        var rows = [
            ["line", "promise"] + self.columns.map(\.name), ["---", "---"] + self.columns.map { _ in "---" },
        ]
        for (name, promise) in Self.lines {
            rows.append([name, promise] + self.columns.map { Self.cell(name, $0) })
        }
        rows.append(["", "why somebody left is told"] + self.columns.map(Self.reasons))
        return rows.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    private static var lines: [(name: String, promise: String)] {
        let lines =
            RegistryContract.lines.map { ($0.name, $0.promise) } + ConfigContract.lines.map { ($0.name, $0.promise) }
            + LockContract.lines.map { ($0.name, $0.promise) }
        // By their numbers; lines of one number stay as they are.
        return lines.enumerated().sorted { Self.order($0) < Self.order($1) }.map(\.element)
    }

    private static func order(_ line: (offset: Int, element: (String, String))) -> (Int, Int) {
        let digits = line.element.0.drop { !$0.isNumber }.prefix { $0.isNumber }
        return (Int(digits) ?? 16, line.offset)
    }

    private static func cell(_ name: String, _ column: Column) -> String {
        let registry = column.backend.capabilities
        let config = column.backend.configCapabilities
        switch name {
        case "C3": return "slack \(registry.expirySlack.text)"
        case "C7": return "\(registry.ttl.lowerBound.text) to \(registry.ttl.upperBound.text)"
        case "C8-removal": return registry.remembersRemoval ? "holds" : "learns it as `leaseLost`, and comes back"
        case "C15d": return config.remembersVersions ? "holds" : "a deleted key begins at version 1"
        case "C17": return "\(config.maximumBytes) bytes"
        case "C18a": return column.deadHolder
        case "history": return column.backend is any ConfigHistoryBackend ? "holds" : "no history"
        case "batch": return column.backend is any ConfigBatchBackend ? "holds" : "no batches"
        default: return "holds"
        }
    }

    private static func reasons(_ column: Column) -> String {
        column.backend.capabilities.knowsDepartureReason
            ? "holds" : "`deregistered` after `maintenance`, else `unknown`"
    }
}
