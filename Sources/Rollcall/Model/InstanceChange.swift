/// A change to some fields of a registered instance; what is `nil` stays as it is.
///
/// Made by the holder it becomes part of the record. Made by somebody else it is an *amendment*: it lies over the
/// record, survives the holder's own updates, and ends with the next process that registers the id.
public struct InstanceChange: Hashable, Sendable {
    /// The new status.
    public var status: HealthStatus?
    /// The new weight, from 0 to 65535.
    public var weight: Int?
    /// All tags from now on.
    public var tags: [String]?
    /// Metadata to set, by key; a `nil` value removes the pair.
    public var metadata: [String: String?]

    /// Creates a change; without arguments it changes nothing.
    public init(
        status: HealthStatus? = nil,
        weight: Int? = nil,
        tags: [String]? = nil,
        metadata: [String: String?] = [:]
    ) {
        self.status = status
        self.weight = weight
        self.tags = tags
        self.metadata = metadata
    }

    /// Whether nothing would change.
    public var isEmpty: Bool { self == InstanceChange() }

    /// Both changes in one, `later` on top.
    public func merging(_ later: InstanceChange) -> InstanceChange {
        InstanceChange(
            status: later.status ?? self.status,
            weight: later.weight ?? self.weight,
            tags: later.tags ?? self.tags,
            metadata: self.metadata.merging(later.metadata) { _, new in new }
        )
    }
}

extension ServiceInstance {
    /// The instance with `change` made to it.
    ///
    /// - Parameter change: What to change.
    /// - Returns: The changed instance.
    /// - Throws: A ``ValidationError`` when the result breaks a limit of the model.
    public func applying(_ change: InstanceChange) throws(ValidationError) -> ServiceInstance {
        if change.isEmpty { return self }
        var fields = self.fields
        if let status = change.status { fields.status = status }
        if let weight = change.weight { fields.weight = weight }
        if let tags = change.tags { fields.tags = tags }
        for (key, value) in change.metadata { fields.metadata[key] = value }
        return try ServiceInstance(checking: fields)
    }

    /// The instance with `metadata` beneath its own: a key that it has already keeps its value.
    ///
    /// - Parameter metadata: The pairs to add.
    /// - Returns: The instance with them.
    /// - Throws: A ``ValidationError`` when the result breaks a limit of the model.
    public func addingMetadata(_ metadata: [String: String]) throws(ValidationError) -> ServiceInstance {
        var fields = self.fields
        fields.metadata.merge(metadata) { own, _ in own }
        return try ServiceInstance(checking: fields)
    }
}
