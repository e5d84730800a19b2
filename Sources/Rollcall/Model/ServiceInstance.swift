#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One running copy of a service, as it is registered and discovered.
///
/// Its identity is (namespace, ``service``, ``id``), never its address. A value holds one reference, so that tables
/// of instances copy cheaply; it cannot change, ``applying(_:)`` makes another.
///
/// Every backend takes at most ``maximumTags`` tags, ``maximumMetadata`` pairs of metadata and
/// ``maximumEncodedBytes`` bytes of JSON, ``registeredAt`` not counted and with the longest status.
public struct ServiceInstance: Hashable, Sendable {
    /// The greatest number of tags, and of required services.
    public static let maximumTags = 32
    /// The greatest number of metadata pairs.
    public static let maximumMetadata = 48
    /// The greatest size of an instance's JSON in bytes.
    public static let maximumEncodedBytes = 8192
    /// The greatest ``weight``: what DNS SRV records (RFC 2782) hold, so that any backend can.
    public static let maximumWeight = 65535

    struct Fields: Hashable, Sendable {
        var service: ServiceName
        var id: InstanceID
        var endpoints: [Endpoint]
        var version: SemanticVersion?
        var zone: String?
        var weight: Int
        var tags: [String]
        var metadata: [String: String]
        var status: HealthStatus
        var requires: [ServiceName]
        /// In milliseconds since 1970: what JSON keeps, where a `Date` would not compare equal after a round trip.
        var registeredAt: Int64?

        /// Takes over what is the same byte for byte, so that it lies in memory once.
        mutating func share(_ other: Fields) {
            if self.service == other.service { self.service = other.service }
            if self.requires == other.requires { self.requires = other.requires }
            if self.version == other.version { self.version = other.version }
            if let zone = other.zone, self.zone?.utf8.elementsEqual(zone.utf8) == true { self.zone = zone }
            if self.tags.elementsEqual(other.tags, by: { $0.utf8.elementsEqual($1.utf8) }) { self.tags = other.tags }
            let isSame =
                self.metadata.count == other.metadata.count
                && self.metadata.allSatisfy { key, value in
                    guard let index = other.metadata.index(forKey: key) else { return false }
                    let pair = other.metadata[index]
                    return pair.key.utf8.elementsEqual(key.utf8) && pair.value.utf8.elementsEqual(value.utf8)
                }
            if isSame { self.metadata = other.metadata }
        }
    }

    private final class Storage: Sendable {
        let fields: Fields

        init(_ fields: Fields) {
            self.fields = fields
        }
    }

    private let storage: Storage

    /// Creates an instance and checks it against the limits of the model.
    ///
    /// - Parameters:
    ///   - service: The service it belongs to.
    ///   - id: Its identity within the service; by default a random one.
    ///   - endpoints: Where it listens, at least one; the first is the primary one.
    ///   - version: What it runs, for those who select by version.
    ///   - zone: Where it runs, for those who prefer what is near.
    ///   - weight: Its share of calls relative to others, from 0 (drained: gets none) to 65535.
    ///   - tags: Words to select it by; put in order, each kept once.
    ///   - metadata: Anything else that callers should know.
    ///   - status: Whether it may be called.
    ///   - requires: Services that it needs, each kept once.
    ///   - registeredAt: When it was registered; backends set it.
    /// - Throws: A ``ValidationError`` that names the field and the limit.
    public init(
        service: ServiceName,
        id: InstanceID = .random(),
        endpoints: [Endpoint],
        version: SemanticVersion? = nil,
        zone: String? = nil,
        weight: Int = 1,
        tags: [String] = [],
        metadata: [String: String] = [:],
        status: HealthStatus = .passing,
        requires: [ServiceName] = [],
        registeredAt: Date? = nil
    ) throws(ValidationError) {
        try self.init(
            checking: Fields(
                service: service,
                id: id,
                endpoints: endpoints,
                version: version,
                zone: zone,
                weight: weight,
                tags: tags,
                metadata: metadata,
                status: status,
                requires: requires,
                registeredAt: registeredAt.flatMap(Timestamp.milliseconds(of:))
            )
        )
    }

    init(checking fields: Fields) throws(ValidationError) {
        var fields = fields
        fields.tags = Set(fields.tags).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var required: Set<ServiceName> = []
        fields.requires.removeAll { !required.insert($0).inserted }
        try fields.check()
        self.storage = Storage(fields)
        // Neither the time of registration, which backends set, nor the longest status, which comes when an instance
        // leaves, may push it over the limit.
        fields.registeredAt = nil
        fields.status = .maintenance
        guard fields.longestSize > Self.maximumEncodedBytes else { return }
        var writer = JSONWriter(capacity: 512)
        fields.write(to: &writer)
        let size = writer.bytes.count
        guard size <= Self.maximumEncodedBytes else {
            throw ValidationError(
                field: "",
                message: "the instance has \(size) bytes of JSON, and at most \(Self.maximumEncodedBytes) are allowed",
                limit: Self.maximumEncodedBytes
            )
        }
    }

    var fields: Fields { self.storage.fields }

    /// Which copy in memory it is: the same only for what is equal, as long as one of the two is held.
    package var identity: ObjectIdentifier { ObjectIdentifier(self.storage) }

    /// The service it belongs to.
    public var service: ServiceName { self.fields.service }
    /// Its identity within the service.
    public var id: InstanceID { self.fields.id }
    /// Where it listens; the first is the primary one.
    public var endpoints: [Endpoint] { self.fields.endpoints }
    /// What it runs.
    public var version: SemanticVersion? { self.fields.version }
    /// Where it runs.
    public var zone: String? { self.fields.zone }
    /// Its share of calls relative to others; 0 means drained.
    public var weight: Int { self.fields.weight }
    /// Words to select it by, in order.
    public var tags: [String] { self.fields.tags }
    /// Anything else that callers should know.
    public var metadata: [String: String] { self.fields.metadata }
    /// Whether it may be called.
    public var status: HealthStatus { self.fields.status }
    /// Services that it needs, each once.
    public var requires: [ServiceName] { self.fields.requires }
    /// When it was registered, as the backend tells it.
    public var registeredAt: Date? {
        self.fields.registeredAt.map { Date(timeIntervalSince1970: Double($0) / 1000) }
    }

    /// The endpoint to call when the scheme does not matter.
    ///
    /// Every instance has at least one.
    public var endpoint: Endpoint { self.fields.endpoints[0] }

    /// The first endpoint with `scheme`, or `nil`.
    public func endpoint(scheme: String) -> Endpoint? {
        self.fields.endpoints.first { $0.scheme == scheme }
    }

    /// Whether both are the same but for ``registeredAt``, which each registration sets anew.
    package func describesSame(as other: Self) -> Bool {
        if self.storage === other.storage { return true }
        var left = self.fields
        left.registeredAt = other.fields.registeredAt
        return left == other.fields
    }

    /// The same instance as registered at `date`, to the millisecond.
    ///
    /// - Parameters:
    ///   - date: When.
    ///   - other: An instance whose memory serves for what is equal, as most of what two instances of a service say.
    /// - Returns: The instance.
    package func registered(at date: Date, sharing other: Self? = nil) -> Self {
        var fields = self.fields
        fields.registeredAt = Timestamp.milliseconds(of: date)
        if let other { fields.share(other.fields) }
        return Self(unchecked: fields)
    }

    /// The same instance in memory of its own.
    var copy: Self { Self(unchecked: self.fields) }

    private init(unchecked fields: Fields) {
        self.storage = Storage(fields)
    }

    /// Compares all fields.
    public static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.storage === rhs.storage || lhs.fields == rhs.fields
    }

    /// Hashes the identity, which equal instances share.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.fields.service)
        hasher.combine(self.fields.id)
    }
}

extension ServiceInstance: CustomStringConvertible {
    /// The text form.
    public var description: String {
        "\(self.service)/\(self.id) \(self.endpoint) \(self.status.rawValue)"
    }
}
