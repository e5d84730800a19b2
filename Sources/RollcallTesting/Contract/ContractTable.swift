package import Rollcall

/// The lines of the contract as a table for people: what each backend does where the contract leaves room.
///
/// What stands in it is what a backend's capabilities say, which is what the suite asserts of it.
package struct ContractTable {
    /// A backend.
    package struct Column {
        let name: String
        let backend: any RegistryBackend & ConfigBackend & LockBackend
        let notes: [String: String]

        /// Describes a backend.
        ///
        /// - Parameters:
        ///   - name: What it is called.
        ///   - backend: A client, which is asked for its capabilities alone.
        ///   - notes: What is documented of lines of which its capabilities say nothing, by their names.
        package init(
            _ name: String,
            _ backend: any RegistryBackend & ConfigBackend & LockBackend,
            notes: [String: String]
        ) {
            self.name = name
            self.backend = backend
            self.notes = notes
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
        for (name, promise) in Self.lines + Self.linesElsewhere {
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

    /// Lines that are not proved by calls of a backend alone, but by tests of their own.
    private static let linesElsewhere = [
        ("C19", "TLS, credentials and prefixes hold for every contract; who is refused is told so and does not insist"),
        ("C20", "no secret is logged, and nothing is written that everybody may change"),
    ]

    private static func order(_ line: (offset: Int, element: (String, String))) -> (Int, Int) {
        let digits = line.element.0.drop { !$0.isNumber }.prefix { $0.isNumber }
        return (Int(digits) ?? 16, line.offset)
    }

    private static func cell(_ name: String, _ column: Column) -> String {
        if let note = column.notes[name] { return note }
        let registry = column.backend.capabilities
        let config = column.backend.configCapabilities
        switch name {
        case "C3": return "slack \(registry.expirySlack.text)"
        case "C7": return "\(registry.ttl.lowerBound.text) to \(registry.ttl.upperBound.text)"
        case "C8-removal": return registry.remembersRemoval ? "holds" : "learns it as `leaseLost`, and comes back"
        case "C15d": return config.remembersVersions ? "holds" : "a deleted key begins at version 1"
        case "C17": return "\(config.maximumBytes) bytes"
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
