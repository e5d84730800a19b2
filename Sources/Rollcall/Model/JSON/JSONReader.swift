/// Reads JSON (RFC 8259) from bytes, value by value, in the order of the text; builds no tree.
///
/// Text comes from strangers: every read is within bounds, nesting and numbers are limited, and an error says at
/// which byte and in which field.
package struct JSONReader {
    /// How deep arrays and objects may stand in each other.
    package static let maximumDepth = 32

    let bytes: [UInt8]
    var position = 0
    private var depth = 0

    /// Creates a reader over a whole document.
    package init(_ bytes: some Collection<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// Reads an object; `member` is called with each name and must read or skip its value.
    package mutating func object(
        _ member: (inout JSONReader, String) throws(ValidationError) -> Void
    ) throws(ValidationError) {
        try self.open(UInt8(ascii: "{"), "an object")
        var isFirst = true
        while try self.continues(until: UInt8(ascii: "}"), isFirst: &isFirst) {
            let name = try self.string()
            try self.expect(UInt8(ascii: ":"))
            do {
                try member(&self, name)
            } catch {
                throw error.within(name)
            }
        }
        self.depth -= 1
    }

    /// Reads an array; `element` is called for each place and must read or skip its value.
    package mutating func array(
        _ element: (inout JSONReader) throws(ValidationError) -> Void
    ) throws(ValidationError) {
        try self.open(UInt8(ascii: "["), "an array")
        var isFirst = true
        var index = 0
        while try self.continues(until: UInt8(ascii: "]"), isFirst: &isFirst) {
            do {
                try element(&self)
            } catch {
                throw error.within("[\(index)]")
            }
            index += 1
        }
        self.depth -= 1
    }

    /// Reads a whole number.
    package mutating func integer() throws(ValidationError) -> Int {
        let text = try self.number()
        guard let number = Int(text) else {
            throw ValidationError(field: "", message: "\(text.quotedForDisplay) must be a whole number")
        }
        return number
    }

    /// Reads a name; an error names the place in the document alone.
    package mutating func name<Kind>() throws(ValidationError) -> ValidatedName<Kind> {
        let text = try self.string()
        do throws(ValidationError) {
            return try ValidatedName<Kind>(text)
        } catch {
            throw ValidationError(field: "", message: error.message, limit: error.limit)
        }
    }

    /// Reads `true` or `false`.
    package mutating func boolean() throws(ValidationError) -> Bool {
        self.skipSpace()
        guard self.peek == UInt8(ascii: "t") else {
            guard self.peek == UInt8(ascii: "f") else { throw self.fault("true or false") }
            try self.literal("false")
            return false
        }
        try self.literal("true")
        return true
    }

    /// Whether the next value is a text, over which it does not step.
    package mutating func isString() throws(ValidationError) -> Bool {
        self.skipSpace()
        return self.peek == UInt8(ascii: "\"")
    }

    /// Whether the next value is `null`, which it then steps over.
    package mutating func isNull() throws(ValidationError) -> Bool {
        self.skipSpace()
        guard self.peek == UInt8(ascii: "n") else { return false }
        try self.literal("null")
        return true
    }

    /// Steps over one value of any sort.
    package mutating func skip() throws(ValidationError) {
        self.skipSpace()
        switch self.peek {
        case UInt8(ascii: "{"): try self.object { (reader, _) throws(ValidationError) in try reader.skip() }
        case UInt8(ascii: "["): try self.array { (reader) throws(ValidationError) in try reader.skip() }
        case UInt8(ascii: "\""): _ = try self.string()
        case UInt8(ascii: "t"): try self.literal("true")
        case UInt8(ascii: "f"): try self.literal("false")
        case UInt8(ascii: "n"): try self.literal("null")
        default: _ = try self.number()
        }
    }

    /// Steps over one value of any sort, and returns it as it stands there.
    package mutating func raw() throws(ValidationError) -> [UInt8] {
        self.skipSpace()
        let start = self.position
        try self.skip()
        return Array(self.bytes[start..<self.position])
    }

    /// Checks that nothing but space follows.
    package mutating func end() throws(ValidationError) {
        self.skipSpace()
        guard self.position == self.bytes.count else { throw self.fault("nothing more") }
    }

    private mutating func open(_ bracket: UInt8, _ what: String) throws(ValidationError) {
        self.skipSpace()
        guard self.peek == bracket else { throw self.fault(what) }
        self.position += 1
        self.depth += 1
        guard self.depth <= Self.maximumDepth else {
            throw ValidationError(
                field: "",
                message: "JSON nests deeper than \(Self.maximumDepth) levels",
                limit: Self.maximumDepth
            )
        }
    }

    private mutating func continues(until close: UInt8, isFirst: inout Bool) throws(ValidationError) -> Bool {
        self.skipSpace()
        if self.peek == close {
            self.position += 1
            return false
        }
        if isFirst {
            isFirst = false
        } else {
            try self.expect(UInt8(ascii: ","))
        }
        return true
    }
}
