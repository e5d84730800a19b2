/// An instance as a reader of configuration: what a gray release goes by.
public struct ConfigInstance: Hashable, Sendable {
    /// Its identity.
    public var id: InstanceID
    /// Its service, for those who look at who runs what.
    public var service: ServiceName?
    /// Where it is.
    public var zone: String?
    /// Its version.
    public var version: SemanticVersion?
    /// What it says of itself.
    public var metadata: [String: String]

    /// Creates a reader.
    ///
    /// - Parameters:
    ///   - id: Its identity.
    ///   - service: Its service.
    ///   - zone: Where it is.
    ///   - version: Its version.
    ///   - metadata: What it says of itself.
    public init(
        id: InstanceID,
        service: ServiceName? = nil,
        zone: String? = nil,
        version: SemanticVersion? = nil,
        metadata: [String: String] = [:]
    ) {
        self.id = id
        self.service = service
        self.zone = zone
        self.version = version
        self.metadata = metadata
    }

    /// Takes from a registration what counts.
    ///
    /// - Parameter instance: The registration.
    public init(_ instance: ServiceInstance) {
        self.init(
            id: instance.id,
            service: instance.service,
            zone: instance.zone,
            version: instance.version,
            metadata: instance.metadata
        )
    }
}

/// Which instances see a candidate.
///
/// Those that are named by their id do in any case. The others do when all that is given of zones, versions and
/// metadata fits them, and their id is within the share. An audience that gives nothing of that has nobody but those
/// it names.
public struct ConfigAudience: Hashable, Sendable {
    /// The whole of ``share``: hundredths of a percent.
    public static let wholeShare = 10_000
    /// The most ids, zones and metadata each.
    public static let maximumCount = 1024

    /// Instances that see it in any case.
    public var ids: Set<InstanceID>
    /// The zones of which an instance must have one; empty for all.
    public var zones: Set<String>
    /// The versions of which an instance must have one; `nil` for all.
    public var versions: VersionRange?
    /// What an instance must have as metadata.
    public var metadata: [String: String]
    /// Of the instances that fit otherwise how many see it, in hundredths of a percent; `nil` where nobody said.
    ///
    /// Which ones goes by a hash of key and id: the same as long as the share is the same, all of them and more when it
    /// grows, and others for another key.
    public var share: Int?

    /// Creates an audience.
    ///
    /// - Parameters:
    ///   - ids: Instances that see it in any case.
    ///   - zones: The zones of which an instance must have one.
    ///   - versions: The versions of which an instance must have one.
    ///   - metadata: What an instance must have.
    ///   - share: How many of those see it, from 0 to 10,000 hundredths of a percent.
    public init(
        ids: Set<InstanceID> = [],
        zones: Set<String> = [],
        versions: VersionRange? = nil,
        metadata: [String: String] = [:],
        share: Int? = nil
    ) {
        self.ids = ids
        self.zones = zones
        self.versions = versions
        self.metadata = metadata
        self.share = share
    }

    /// Whether an instance sees the candidate of a key.
    public func includes(_ instance: ConfigInstance, of key: ConfigKey) -> Bool {
        if self.ids.contains(instance.id) { return true }
        guard !self.zones.isEmpty || self.versions != nil || !self.metadata.isEmpty || self.share != nil else {
            return false
        }
        if !self.zones.isEmpty {
            guard let zone = instance.zone, self.zones.contains(zone) else { return false }
        }
        if let versions = self.versions {
            guard let version = instance.version, versions.contains(version) else { return false }
        }
        guard self.metadata.allSatisfy({ instance.metadata[$0.key] == $0.value }) else { return false }
        return self.share.map { Self.place(of: instance.id, key) < $0 } ?? true
    }

    /// Where an instance stands among all, from 0 to 9,999.
    private static func place(of id: InstanceID, _ key: ConfigKey) -> Int {
        // A checksum alone keeps neighbours together; the mixing spreads them.
        let sum = UInt64(CRC32C.checksum(Array(key.text.utf8) + [0] + Array(id.text.utf8)))
        var generator = SplitMix64(seed: sum)
        return Int(generator.next() % UInt64(self.wholeShare))
    }

    /// Checks what the types do not.
    ///
    /// - Throws: A ``ValidationError``.
    package func check() throws(ValidationError) {
        if let share, !(0...Self.wholeShare).contains(share) {
            throw ValidationError(
                field: "share",
                message: "\(share) is not within 0 and \(Self.wholeShare), hundredths of a percent",
                limit: Self.wholeShare
            )
        }
        for (field, count) in [
            ("ids", self.ids.count), ("zones", self.zones.count), ("metadata", self.metadata.count),
        ] where count > Self.maximumCount {
            throw ValidationError(
                field: field,
                message: "has \(count) members, and at most \(Self.maximumCount) are allowed",
                limit: Self.maximumCount
            )
        }
    }
}

/// What some instances are to see instead of what is stored under a key.
public struct ConfigCandidate: Hashable, Sendable {
    /// What they see; its version is above that of all that was stored when it was proposed.
    public let entry: ConfigEntry
    /// Who they are.
    public let audience: ConfigAudience

    /// Creates a candidate.
    public init(_ entry: ConfigEntry, for audience: ConfigAudience) {
        self.entry = entry
        self.audience = audience
    }
}
