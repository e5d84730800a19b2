/// What a hub does differently where the contract leaves room, as its `/v1/status` tells: a hub in front of an engine does as
/// the engine.
package struct CapabilityDocument: Hashable, Sendable {
    /// A hub with a store of its own.
    package static let ownStore = CapabilityDocument(
        registry: BackendCapabilities(
            ttl: .seconds(1)...(.seconds(86400)),
            expirySlack: .milliseconds(500),
            knowsDepartureReason: true,
            remembersRemoval: true
        ),
        config: ConfigCapabilities(maximumBytes: 1 << 20)
    )

    /// As a registry.
    package var registry: BackendCapabilities
    /// As a store of configuration, where it is one.
    package var config: ConfigCapabilities?

    /// Creates a document.
    package init(registry: BackendCapabilities, config: ConfigCapabilities?) {
        self.registry = registry
        self.config = config
    }

    /// Writes `{"ttl":["1s","24h"],"expirySlack":"500ms",…,"config":{"maximumBytes":1048576,…}}`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("ttl")
            writer.array { writer in
                writer.string(self.registry.ttl.lowerBound.text)
                writer.string(self.registry.ttl.upperBound.text)
            }
            writer.key("expirySlack")
            writer.string(self.registry.expirySlack.text)
            for (name, flag) in Self.flags {
                writer.key(name)
                writer.boolean(self.registry[keyPath: flag])
            }
            guard let config else { return }
            writer.key("config")
            writer.object { writer in
                writer.key("maximumBytes")
                writer.integer(config.maximumBytes)
                for (name, flag) in Self.configFlags {
                    writer.key(name)
                    writer.boolean(config[keyPath: flag])
                }
            }
        }
    }

    /// Reads what ``write(to:)`` wrote; what is missing is as at a hub with a store of its own.
    ///
    /// - Throws: A ``ValidationError`` that names the field.
    package init(from reader: inout JSONReader) throws(ValidationError) {
        self.init(registry: Self.ownStore.registry, config: nil)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "ttl": self.registry.ttl = try Self.range(from: &reader)
            case "expirySlack":
                self.registry.expirySlack = try Duration(text: try reader.string(), field: name)
            case "config": self.config = try Self.config(from: &reader)
            default:
                guard let flag = Self.flags.first(where: { $0.0 == name })?.1 else { return try reader.skip() }
                self.registry[keyPath: flag] = try reader.boolean()
            }
        }
    }

    private static func range(from reader: inout JSONReader) throws(ValidationError) -> ClosedRange<Duration> {
        var ends: [Duration] = []
        try reader.array { (reader) throws(ValidationError) in
            ends.append(try Duration(text: try reader.string(), field: "ttl"))
        }
        guard ends.count == 2, ends[0] <= ends[1] else {
            throw ValidationError(field: "ttl", message: "must be the least and the most")
        }
        return ends[0]...ends[1]
    }

    private static func config(from reader: inout JSONReader) throws(ValidationError) -> ConfigCapabilities {
        var config = ConfigCapabilities(maximumBytes: 1 << 20)
        try reader.object { (reader, name) throws(ValidationError) in
            if name == "maximumBytes" {
                config.maximumBytes = try reader.integer()
            } else if let flag = Self.configFlags.first(where: { $0.0 == name })?.1 {
                config[keyPath: flag] = try reader.boolean()
            } else {
                try reader.skip()
            }
        }
        return config
    }

    private static var flags: [(String, WritableKeyPath<BackendCapabilities, Bool>)] {
        [
            ("sharedSession", \.sharedSession), ("knowsDepartureReason", \.knowsDepartureReason),
            ("remembersRemoval", \.remembersRemoval), ("verifiedWatch", \.verifiedWatch),
        ]
    }

    private static var configFlags: [(String, WritableKeyPath<ConfigCapabilities, Bool>)] {
        [("comparesContent", \.comparesContent), ("remembersVersions", \.remembersVersions)]
    }
}
