import Rollcall

extension JSONReader {
    /// Reads a number that is not negative and may need all 64 bits.
    mutating func unsigned() throws(ValidationError) -> UInt64 {
        let text = try self.number()
        guard let number = UInt64(text) else {
            throw ValidationError(field: "", message: "\(text.quotedForDisplay) must be a whole number from 0")
        }
        return number
    }

    /// Reads a text, of which `null` is the empty one.
    mutating func optionalString() throws(ValidationError) -> String {
        try self.isNull() ? "" : try self.string()
    }

    /// Reads an array of texts, of which `null` is the empty one.
    mutating func strings() throws(ValidationError) -> [String] {
        var texts: [String] = []
        guard try !self.isNull() else { return texts }
        try self.array { (reader) throws(ValidationError) in texts.append(try reader.string()) }
        return texts
    }

    /// Reads an object of texts, of which `null` is the empty one.
    mutating func stringMap() throws(ValidationError) -> [String: String] {
        var map: [String: String] = [:]
        guard try !self.isNull() else { return map }
        try self.object { (reader, name) throws(ValidationError) in map[name] = try reader.string() }
        return map
    }
}
