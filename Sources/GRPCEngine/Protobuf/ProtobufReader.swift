/// Reads messages of Protocol Buffers, field by field; what a message has that nobody knows is stepped over.
///
/// Bytes come from strangers: every read is within bounds.
package struct ProtobufReader: Sendable {
    /// The value of a field, as the wire tells them apart.
    package enum Value: Hashable, Sendable {
        /// A number.
        case number(UInt64)
        /// Bytes, a text, or a message.
        case bytes(ArraySlice<UInt8>)

        /// The number; 0 for something else.
        package var integer: Int64 {
            guard case .number(let number) = self else { return 0 }
            return Int64(bitPattern: number)
        }

        /// The number as a truth value.
        package var boolean: Bool { self.integer != 0 }

        /// The bytes; none for something else.
        package var slice: ArraySlice<UInt8> {
            guard case .bytes(let bytes) = self else { return [] }
            return bytes
        }

        /// The bytes as an array.
        package var array: [UInt8] { Array(self.slice) }

        /// The bytes as a text, with replacements for what is no UTF-8.
        package var string: String { String(decoding: self.slice, as: UTF8.self) }
    }

    private var rest: ArraySlice<UInt8>

    /// Begins at the start of a message.
    package init(_ message: ArraySlice<UInt8>) {
        self.rest = message
    }

    /// Reads a whole message.
    ///
    /// - Parameters:
    ///   - message: Its bytes.
    ///   - field: Called with the number and value of each field, in order.
    /// - Throws: ``GRPCError`` with the status `internal` for what is no message.
    package static func read(
        _ message: ArraySlice<UInt8>,
        _ field: (Int, Value) throws(GRPCError) -> Void
    ) throws(GRPCError) {
        var reader = ProtobufReader(message)
        while let (number, value) = try reader.next() { try field(number, value) }
    }

    /// Reads the next field.
    ///
    /// - Returns: Its number and value; `nil` at the end.
    /// - Throws: ``GRPCError`` for what is no message.
    package mutating func next() throws(GRPCError) -> (Int, Value)? {
        guard !self.rest.isEmpty else { return nil }
        let tag = try self.varint()
        let number = Int(truncatingIfNeeded: tag >> 3)
        guard number > 0, tag >> 3 < 1 << 29 else { throw Self.fault("a field has no number") }
        switch tag & 7 {
        case 0: return (number, .number(try self.varint()))
        case 1: return (number, .number(try self.fixed(8)))
        case 2:
            let length = try self.varint()
            guard length <= self.rest.count else { throw Self.fault("a field is cut off") }
            defer { self.rest = self.rest.dropFirst(Int(length)) }
            return (number, .bytes(self.rest.prefix(Int(length))))
        case 5: return (number, .number(try self.fixed(4)))
        default: throw Self.fault("a field has a type that is not known")
        }
    }

    private mutating func varint() throws(GRPCError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = self.rest.popFirst() else { throw Self.fault("a number is cut off") }
            value |= UInt64(byte & 127) << shift
            if byte < 128 { return value }
        }
        throw Self.fault("a number has more than ten bytes")
    }

    private mutating func fixed(_ count: Int) throws(GRPCError) -> UInt64 {
        guard self.rest.count >= count else { throw Self.fault("a number is cut off") }
        let bytes = self.rest.prefix(count)
        self.rest = self.rest.dropFirst(count)
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func fault(_ what: String) -> GRPCError {
        GRPCError(.dataLoss, "what came is no message of Protocol Buffers: \(what)", isLocal: true)
    }
}
