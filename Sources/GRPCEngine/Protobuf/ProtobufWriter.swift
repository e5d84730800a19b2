/// Writes messages of Protocol Buffers, field by field; fields with their default values are left out, as proto3 wants.
package struct ProtobufWriter: Sendable {
    /// What was written.
    package private(set) var bytes: [UInt8] = []

    /// Begins an empty message.
    package init() {}

    /// Writes a whole number of any type but `sint` and `fixed`; a negative one takes ten bytes.
    package mutating func integer(_ number: Int, _ value: Int64) {
        guard value != 0 else { return }
        self.varint(UInt64(number) << 3)
        self.varint(UInt64(bitPattern: value))
    }

    /// Writes a whole number without sign.
    package mutating func unsigned(_ number: Int, _ value: UInt64) {
        self.integer(number, Int64(bitPattern: value))
    }

    /// Writes a truth value.
    package mutating func boolean(_ number: Int, _ value: Bool) {
        self.integer(number, value ? 1 : 0)
    }

    /// Writes bytes.
    package mutating func bytes(_ number: Int, _ value: some Collection<UInt8>) {
        guard !value.isEmpty else { return }
        self.present(number, value)
    }

    /// Writes a text.
    package mutating func string(_ number: Int, _ value: String) {
        self.bytes(number, value.utf8)
    }

    /// Writes a message, also an empty one: it says that it is there.
    package mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        var writer = ProtobufWriter()
        body(&writer)
        self.present(number, writer.bytes)
    }

    /// Writes a number that is one of several and says that it is there, also where it is zero.
    package mutating func chosen(_ number: Int, _ value: Int64) {
        self.varint(UInt64(number) << 3)
        self.varint(UInt64(bitPattern: value))
    }

    private mutating func present(_ number: Int, _ value: some Collection<UInt8>) {
        self.varint(UInt64(number) << 3 | 2)
        self.varint(UInt64(value.count))
        self.bytes.append(contentsOf: value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 128 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }
}
