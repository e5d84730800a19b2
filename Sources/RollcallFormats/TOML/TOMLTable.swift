import Rollcall

/// What keys stand for while a document is read.
enum TOMLNode {
    /// A value, which nothing is added to.
    case value(ConfigValue)
    case table(TOMLTable)
    /// `[[…]]`, each a table.
    case tables(TOMLTables)

    var value: ConfigValue {
        switch self {
        case .value(let value): value
        case .table(let table): table.value
        case .tables(let tables): .list(tables.elements.map(\.value))
        }
    }
}

/// The tables of one `[[…]]`, of which there is at least one.
final class TOMLTables {
    var elements: [TOMLTable]
    private(set) var last: TOMLTable

    init(_ first: TOMLTable) {
        self.elements = [first]
        self.last = first
    }

    func append(_ table: TOMLTable) {
        self.elements.append(table)
        self.last = table
    }
}

/// A table to which keys may still be added, by the rules of where it comes from.
final class TOMLTable {
    /// What made a table.
    enum Origin {
        /// The header of another: `a` in `[a.b]`.
        case implied
        /// Its own header.
        case header
        /// A key with dots: `a` in `a.b = 1`.
        case dotted
    }

    var members: [String: TOMLNode] = [:]
    private(set) var origin: Origin
    let depth: Int

    init(_ origin: Origin, depth: Int) {
        self.origin = origin
        self.depth = depth
    }

    var value: ConfigValue { .object(self.members.mapValues(\.value)) }

    /// The table at a key before the last of a key with dots.
    func dotted(_ key: String) throws(TOMLConflict) -> TOMLTable {
        switch self.members[key] {
        case nil:
            return self.made(key, .dotted)
        case .value:
            throw .value
        case .tables:
            throw .tables
        case .table(let table):
            guard table.origin != .header else { throw .headerThenDots }
            table.origin = .dotted
            return table
        }
    }

    /// The table at a key before the last of a header.
    func walked(_ key: String) throws(TOMLConflict) -> TOMLTable {
        switch self.members[key] {
        case nil: return self.made(key, .implied)
        case .value: throw .value
        case .tables(let tables): return tables.last
        case .table(let table): return table
        }
    }

    /// The table at the last key of `[…]`.
    func opened(_ key: String) throws(TOMLConflict) -> TOMLTable {
        switch self.members[key] {
        case nil:
            return self.made(key, .header)
        case .value:
            throw .value
        case .tables:
            throw .tables
        case .table(let table):
            guard table.origin == .implied else { throw table.origin == .header ? .duplicate : .dotsThenHeader }
            table.origin = .header
            return table
        }
    }

    /// The table at the last key of `[[…]]`.
    func appended(_ key: String) throws(TOMLConflict) -> TOMLTable {
        let table = TOMLTable(.header, depth: self.depth + 2)
        switch self.members[key] {
        case nil: self.members[key] = .tables(TOMLTables(table))
        case .value: throw .value
        case .table: throw .table
        case .tables(let tables): tables.append(table)
        }
        return table
    }

    private func made(_ key: String, _ origin: Origin) -> TOMLTable {
        let table = TOMLTable(origin, depth: self.depth + 1)
        self.members[key] = .table(table)
        return table
    }
}

/// Why something cannot be added where a document says.
enum TOMLConflict: Error {
    case duplicate
    case value
    case table
    case tables
    case headerThenDots
    case dotsThenHeader

    /// What is wrong, in words.
    var message: String {
        switch self {
        case .duplicate: "this key is there already"
        case .value: "a key of these has a value already, to which nothing is added"
        case .table: "this key is a table already, and no array of tables"
        case .tables: "a key of these is an array of tables already; [[…]] adds to it"
        case .headerThenDots: "a table that has a header gets no keys by dots from elsewhere"
        case .dotsThenHeader: "a table that was made by a key with dots gets no header"
        }
    }
}
