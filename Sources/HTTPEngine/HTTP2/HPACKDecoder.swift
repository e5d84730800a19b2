/// Reads header fields as HTTP/2 compresses them (RFC 7541).
struct HPACKDecoder: Sendable {
    /// The most bytes that the table of what came before may take, as long as nobody asked for another size.
    static let tableSize = 4096
    /// The most bytes that the fields of one block may have, counted as the table does.
    static let maximumBytes = 65536
    /// What a field takes beyond its bytes (RFC 7541 section 4.1).
    private static let overhead = 32

    /// What came before, the newest last.
    private var table: [HTTP2Field] = []
    private var size = 0
    private var limit = HPACKDecoder.tableSize

    /// Reads a whole block.
    ///
    /// - Parameter block: Its bytes.
    /// - Returns: The fields in their order.
    /// - Throws: `malformed`; the table is of no use afterwards, and so is the connection.
    mutating func decode(_ block: ArraySlice<UInt8>) throws(ConnectionError) -> [HTTP2Field] {
        var rest = block
        var fields: [HTTP2Field] = []
        var bytes = 0
        while let first = rest.first {
            if first & 0xE0 == 0x20 {
                try self.resize(try Self.number(&rest, prefix: 5), isFirst: fields.isEmpty)
                continue
            }
            let field = try self.field(first, &rest)
            bytes += Self.size(of: field)
            guard bytes <= Self.maximumBytes else {
                throw Self.fault("header fields of more than \(Self.maximumBytes) bytes")
            }
            fields.append(field)
        }
        return fields
    }

    private mutating func field(_ first: UInt8, _ rest: inout ArraySlice<UInt8>) throws(ConnectionError) -> HTTP2Field {
        if first & 0x80 != 0 { return try self.field(at: try Self.number(&rest, prefix: 7)) }
        let isKept = first & 0x40 != 0
        let index = try Self.number(&rest, prefix: isKept ? 6 : 4)
        let name = index == 0 ? try Self.text(&rest) : try self.field(at: index).name
        let field = HTTP2Field(name, try Self.text(&rest))
        if isKept { self.keep(field) }
        return field
    }

    private func field(at index: Int) throws(ConnectionError) -> HTTP2Field {
        if HPACKTable.fields.indices.contains(index - 1) { return HPACKTable.fields[index - 1] }
        let age = index - 1 - HPACKTable.fields.count
        guard self.table.indices.contains(age) else { throw Self.fault("a header field \(index) that nobody named") }
        return self.table[self.table.count - 1 - age]
    }

    private mutating func keep(_ field: HTTP2Field) {
        self.table.append(field)
        self.size += Self.size(of: field)
        self.evict()
    }

    private mutating func resize(_ size: Int, isFirst: Bool) throws(ConnectionError) {
        guard isFirst, size <= Self.tableSize else { throw Self.fault("a table of header fields of \(size) bytes") }
        self.limit = size
        self.evict()
    }

    private mutating func evict() {
        var surplus = 0
        while self.size > self.limit {
            self.size -= Self.size(of: self.table[surplus])
            surplus += 1
        }
        self.table.removeFirst(surplus)
    }

    private static func size(of field: HTTP2Field) -> Int {
        field.name.utf8.count + field.value.utf8.count + self.overhead
    }

    private static func text(_ rest: inout ArraySlice<UInt8>) throws(ConnectionError) -> String {
        let isCompressed = rest.first.map { $0 & 0x80 != 0 } ?? false
        let length = try self.number(&rest, prefix: 7)
        guard length <= rest.count else { throw self.fault("a header field that is cut off") }
        let bytes = rest.prefix(length)
        rest = rest.dropFirst(length)
        guard isCompressed else { return String(decoding: bytes, as: UTF8.self) }
        guard let text = HPACKHuffman.standard.decode(bytes) else {
            throw self.fault("a header field that is wrongly compressed")
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A number that shares its first byte with something else (RFC 7541 section 5.1).
    private static func number(_ rest: inout ArraySlice<UInt8>, prefix: Int) throws(ConnectionError) -> Int {
        let most = 1 << prefix - 1
        guard let first = rest.popFirst() else { throw self.fault("a header field that is cut off") }
        var number = Int(first) & most
        guard number == most else { return number }
        // Four more bytes are a number of 28 bits, which nothing here needs.
        for shift in stride(from: 0, through: 21, by: 7) {
            guard let byte = rest.popFirst() else { throw self.fault("a header field that is cut off") }
            number += Int(byte & 127) << shift
            if byte < 128 { return number }
        }
        throw self.fault("a number above any limit in a header field")
    }

    private static func fault(_ what: String) -> ConnectionError {
        ConnectionError(.malformed, "what came is no HTTP/2: \(what)")
    }
}
