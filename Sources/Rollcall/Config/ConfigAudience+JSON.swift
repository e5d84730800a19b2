extension ConfigAudience {
    /// The audience as JSON: `{"ids":[…],"zones":[…],"versions":"^1.2","metadata":{…},"percent":12.5}`.
    package var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// Writes the audience as a JSON object, in which what it does not give is absent.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            Self.write(self.ids.map(\.text).sorted(), "ids", to: &writer)
            Self.write(self.zones.sorted(), "zones", to: &writer)
            if let versions = self.versions {
                writer.key("versions")
                writer.string(versions.description)
            }
            if !self.metadata.isEmpty {
                writer.key("metadata")
                writer.object { writer in
                    for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
                        writer.key(key)
                        writer.string(value)
                    }
                }
            }
            if let share = self.share {
                writer.key("percent")
                writer.raw(Self.percent(share).utf8)
            }
        }
    }

    private static func write(_ texts: [String], _ key: String, to writer: inout JSONWriter) {
        guard !texts.isEmpty else { return }
        writer.key(key)
        writer.array { writer in
            for text in texts { writer.string(text) }
        }
    }

    /// Reads a document.
    ///
    /// - Parameter json: The document.
    /// - Throws: A ``ValidationError`` that names the field.
    package init(json: [UInt8]) throws(ValidationError) {
        var reader = JSONReader(json)
        self = try Self.read(from: &reader)
        try reader.end()
    }

    /// Reads an audience.
    ///
    /// - Parameter reader: Stands at a JSON object.
    /// - Returns: The audience.
    /// - Throws: A ``ValidationError`` that names the field; fields that are not known are errors, as an audience that is
    ///   misread has others in it than were meant.
    package static func read(from reader: inout JSONReader) throws(ValidationError) -> ConfigAudience {
        var audience = ConfigAudience()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "ids":
                try reader.array { (reader) throws(ValidationError) in audience.ids.insert(try reader.name()) }
            case "zones":
                try reader.array { (reader) throws(ValidationError) in audience.zones.insert(try reader.string()) }
            case "versions": audience.versions = try VersionRange(try reader.string())
            case "metadata":
                try reader.object { (reader, key) throws(ValidationError) in
                    audience.metadata[key] = try reader.string()
                }
            case "percent": audience.share = try Self.share(percent: try reader.number())
            default:
                throw ValidationError(
                    field: "",
                    message: "is not known here; ids, zones, versions, metadata and percent are"
                )
            }
        }
        try audience.check()
        return audience
    }

    /// Hundredths of a percent as a number of percent: `12.5`.
    package static func percent(_ share: Int) -> String {
        let (whole, rest) = share.quotientAndRemainder(dividingBy: 100)
        switch rest {
        case 0: return "\(whole)"
        case let rest where rest.isMultiple(of: 10): return "\(whole).\(rest / 10)"
        default: return "\(whole).\(rest < 10 ? "0" : "")\(rest)"
        }
    }

    /// Reads a number of percent with at most two decimals, as hundredths of a percent.
    ///
    /// - Parameter percent: `12.5`.
    /// - Returns: From 0 to 10,000.
    /// - Throws: A ``ValidationError`` for another text.
    package static func share(percent: String) throws(ValidationError) -> Int {
        let parts = percent.split(separator: ".", omittingEmptySubsequences: false)
        let decimals = parts.count == 2 ? parts[1] : "0"
        guard parts.count <= 2, (1...3).contains(parts[0].count), (1...2).contains(decimals.count),
            (parts[0] + decimals).utf8.allSatisfy(\.isDigit),
            let whole = Int(parts[0]), let rest = Int(decimals),
            whole * 100 + rest * (decimals.count == 1 ? 10 : 1) <= self.wholeShare
        else {
            throw ValidationError(
                field: "",
                message: "\(percent.quotedForDisplay) is not a number from 0 to 100 with at most two decimals"
            )
        }
        return whole * 100 + rest * (decimals.count == 1 ? 10 : 1)
    }
}
