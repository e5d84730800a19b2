/// The header fields of a message, as they stood on the wire and in that order.
///
/// Names and values are ranges of one array, so that reading a message allocates twice, whatever it carries.
package struct HeaderFields: Sendable {
    private struct Field: Sendable {
        let name: Range<Int>
        let value: Range<Int>
        let known: KnownField
    }

    private var bytes: [UInt8]
    private var fields: [Field] = []
    private var present = KnownFields()

    /// Creates an empty list.
    package init() {
        self.bytes = []
    }

    /// Creates a list of names and values.
    package init(_ fields: [(name: String, value: String)]) {
        self.bytes = []
        for (name, value) in fields { self.append(name, value) }
    }

    /// Creates a list over the bytes of a message's head, to which ``note(name:value:as:)`` adds.
    init(over bytes: [UInt8]) {
        self.bytes = bytes
        self.fields.reserveCapacity(8)
    }

    mutating func note(name: Range<Int>, value: Range<Int>, as known: KnownField) {
        self.present.insert(known)
        self.fields.append(Field(name: name, value: value, known: known))
    }

    /// How many bytes the head has that they stood in.
    package var byteCount: Int { self.bytes.count }

    /// The value of the first field with a name, in whatever case.
    package func first(named name: String) -> String? {
        let wanted = Array(name.utf8.map(\.asLowerCase))
        return self.fields.indices.first { self.lowerCaseName(at: $0) == wanted }.map { self.value(at: $0) }
    }

    /// How many there are.
    package var count: Int { self.fields.count }

    /// Adds a field at the end.
    ///
    /// A value comes from code or was read from a message; one with a line break, which would forge fields, loses it.
    package mutating func append(_ name: String, _ value: String) {
        let start = self.bytes.count
        self.bytes.append(contentsOf: name.utf8)
        let middle = self.bytes.count
        self.bytes.append(contentsOf: value.utf8.lazy.map { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F ? 0x20 : $0 })
        let known = self.bytes.withUnsafeBytes { KnownField(UnsafeRawBufferPointer(rebasing: $0[start..<middle])) }
        self.note(name: start..<middle, value: middle..<self.bytes.count, as: known)
    }

    /// The value of the first field with `name`, given in lower case.
    package func first(_ name: StaticString) -> String? {
        self.firstIndex(name).map { self.value(at: $0) }
    }

    /// The values of all fields with `name`, given in lower case.
    package func all(_ name: StaticString) -> [String] {
        self.fields.indices.filter { self.isName(at: $0, name) }.map { self.value(at: $0) }
    }

    /// How many fields have `name`, given in lower case.
    package func count(of name: StaticString) -> Int {
        self.fields.indices.count { self.isName(at: $0, name) }
    }

    /// Whether there is a field with `name`, given in lower case.
    package func contains(_ name: StaticString) -> Bool { self.firstIndex(name) != nil }

    /// Takes out every field with `name`, given in lower case.
    package mutating func remove(_ name: StaticString) {
        self.fields = self.fields.indices.filter { !self.isName(at: $0, name) }.map { self.fields[$0] }
        self.present = KnownFields()
        for field in self.fields { self.present.insert(field.known) }
    }

    /// Whether there is a field of this kind.
    package func contains(_ field: KnownField) -> Bool { self.present.contains(field) }

    /// The places of the fields.
    package var indices: Range<Int> { self.fields.indices }

    /// What kind of field one is.
    package func kind(at index: Int) -> KnownField { self.fields[index].known }

    /// How many fields of this kind there are.
    package func count(of field: KnownField) -> Int {
        self.contains(field) ? self.fields.count { $0.known == field } : 0
    }

    /// The values of all fields of this kind.
    package func all(_ field: KnownField) -> [String] {
        guard self.contains(field) else { return [] }
        return self.fields.indices.filter { self.fields[$0].known == field }.map { self.value(at: $0) }
    }

    /// Whether a list of words, over all fields of this kind, has `word`, given in lower case.
    package func lists(_ word: StaticString, in field: KnownField) -> Bool {
        self.contains(field) && self.containsWord(in: field) { Self.isSame($0, word) }
    }

    /// Whether a list of words, over all fields of a kind, has one that is wanted.
    package func containsWord(in field: KnownField, where isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard self.contains(field) else { return false }
        return self.bytes.withUnsafeBytes { bytes in
            for entry in self.fields where entry.known == field {
                var start = entry.value.lowerBound
                while start <= entry.value.upperBound {
                    var end = start
                    while end < entry.value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
                    let word = Self.trimmed(bytes, start..<end)
                    if !word.isEmpty, isWanted(word) { return true }
                    start = end + 1
                }
            }
            return false
        }
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeRawBufferPointer {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, bytes[start].isBlank { start += 1 }
        while start < end, bytes[end - 1].isBlank { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// Whether a text is `word`, given in lower case, in whatever case it is written.
    private static func isSame(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount else { return false }
        let start = word.utf8Start
        return text.indices.allSatisfy { text[$0].asLowerCase == start[$0] }
    }

    /// Whether the first field of a kind has just this value, given in lower case, in whatever case it is written.
    func isValue(of field: KnownField, _ value: StaticString) -> Bool {
        guard let entry = self.fields.first(where: { $0.known == field }) else { return false }
        return self.bytes.withUnsafeBytes { Self.isSame(UnsafeRawBufferPointer(rebasing: $0[entry.value]), value) }
    }

    /// Whether the first field of a kind, if there is one, has nothing but such bytes.
    func isValue(of field: KnownField, onlyOf isAllowed: (UInt8) -> Bool) -> Bool {
        guard let entry = self.fields.first(where: { $0.known == field }) else { return true }
        return self.bytes[entry.value].allSatisfy(isAllowed)
    }

    /// The number that is the value of the only field of a kind: nothing but digits, at most 18 of them.
    package func number(_ field: KnownField) -> Int? {
        guard self.count(of: field) == 1, let entry = self.fields.first(where: { $0.known == field }),
            (1...18).contains(entry.value.count)
        else { return nil }
        var number = 0
        for byte in self.bytes[entry.value] {
            guard byte.isASCIIDigit else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// The name of a field as it was written.
    package func name(at index: Int) -> String {
        String(decoding: self.bytes[self.fields[index].name], as: UTF8.self)
    }

    /// The value of a field; bytes that are not UTF-8 are replaced.
    package func value(at index: Int) -> String {
        String(decoding: self.bytes[self.fields[index].value], as: UTF8.self)
    }

    /// Whether the field's name is `name`, given in lower case.
    package func isName(at index: Int, _ name: StaticString) -> Bool {
        let range = self.fields[index].name
        guard range.count == name.utf8CodeUnitCount else { return false }
        return self.bytes.withUnsafeBytes { bytes in
            let start = name.utf8Start
            for offset in 0..<range.count {
                if bytes[range.lowerBound + offset].asLowerCase != start[offset] { return false }
            }
            return true
        }
    }

    /// Writes fields as a message has them, without the empty line behind.
    package func write(to output: inout [UInt8], where isWanted: (Int) -> Bool = { _ in true }) {
        self.bytes.withUnsafeBytes { bytes in
            // What stands side by side in the message that was read is copied at once.
            var run = 0..<0
            for index in self.fields.indices where isWanted(index) {
                let field = self.fields[index]
                guard Self.isWritten(field, in: bytes) else {
                    output.append(contentsOf: bytes[run])
                    run = 0..<0
                    Self.write(field, of: bytes, to: &output)
                    continue
                }
                let end = field.value.upperBound + 2
                if run.upperBound == field.name.lowerBound {
                    run = run.lowerBound..<end
                } else {
                    output.append(contentsOf: bytes[run])
                    run = field.name.lowerBound..<end
                }
            }
            output.append(contentsOf: bytes[run])
        }
    }

    /// Whether a field stands in `bytes` just as it is written.
    private static func isWritten(_ field: Field, in bytes: UnsafeRawBufferPointer) -> Bool {
        let (name, value) = (field.name.upperBound, field.value)
        return value.lowerBound == name + 2 && bytes[name] == UInt8(ascii: ":") && bytes[name + 1] == 0x20
            && value.upperBound + 1 < bytes.count && bytes[value.upperBound] == 0x0D
            && bytes[value.upperBound + 1] == 0x0A
    }

    private static func write(_ field: Field, of bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(contentsOf: bytes[field.name])
        output.append(UInt8(ascii: ":"))
        output.append(UInt8(ascii: " "))
        output.append(contentsOf: bytes[field.value])
        output.append(0x0D)
        output.append(0x0A)
    }

    /// Adds the value of a field to `output`.
    package func writeValue(at index: Int, to output: inout [UInt8]) {
        output.append(contentsOf: self.bytes[self.fields[index].value])
    }

    /// The name of a field in lower case.
    package func lowerCaseName(at index: Int) -> [UInt8] { self.bytes[self.fields[index].name].map(\.asLowerCase) }

    private func firstIndex(_ name: StaticString) -> Int? {
        self.fields.indices.first { self.isName(at: $0, name) }
    }
}
