/// Writes header fields as HTTP/2 takes them, in the forms that need no state: indices of the static table, and literals
/// that are neither indexed nor compressed (RFC 7541 section 6).
package struct HPACKEncoder: Sendable {
    /// What was written.
    package private(set) var bytes: [UInt8] = []

    /// Begins an empty block.
    package init() {}

    /// Writes a field.
    ///
    /// - Parameters:
    ///   - name: Its name, in lower case.
    ///   - value: Its value.
    ///   - isSecret: Whether nobody on the way may keep it in a table.
    package mutating func append(_ name: String, _ value: String, isSecret: Bool = false) {
        let form: UInt8 = isSecret ? 0x10 : 0
        if let index = HPACKTable.index(of: name, value), !isSecret {
            self.append(index, prefix: 7, form: 0x80)
            return
        }
        if let index = HPACKTable.index(of: name) {
            self.append(index, prefix: 4, form: form)
        } else {
            self.bytes.append(form)
            self.append(name)
        }
        self.append(value)
    }

    private mutating func append(_ text: String) {
        self.append(text.utf8.count, prefix: 7, form: 0)
        self.bytes.append(contentsOf: text.utf8)
    }

    /// A number that shares its first byte with a form (RFC 7541 section 5.1).
    private mutating func append(_ number: Int, prefix: Int, form: UInt8) {
        let most = 1 << prefix - 1
        guard number >= most else { return self.bytes.append(form | UInt8(number)) }
        self.bytes.append(form | UInt8(most))
        var rest = number - most
        while rest >= 128 {
            self.bytes.append(UInt8(rest % 128 + 128))
            rest /= 128
        }
        self.bytes.append(UInt8(rest))
    }
}
