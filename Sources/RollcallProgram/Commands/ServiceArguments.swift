import Rollcall

extension PositionalSpec {
    /// The name of one service.
    static let service = PositionalSpec("SERVICE", .one, "the service")
    /// The id of one instance.
    static let instanceID = PositionalSpec("ID", .one, "the instance's id")
}

extension OptionSpec {
    /// What the instance says of itself, or is made to say.
    static let statuses = HealthStatus.allCases.map(\.rawValue)
}

extension ParsedArguments {
    /// The service in the place `SERVICE`.
    func service() throws -> ServiceName {
        try self.required("SERVICE") { try ServiceName($0) }
    }

    /// The instance's id in the place `ID`.
    func instanceID() throws -> InstanceID {
        try self.required("ID") { try InstanceID($0) }
    }

    /// The status that `--status` names; the parser took care that there is such a status.
    func status() -> HealthStatus? {
        self.option("status").flatMap { HealthStatus(rawValue: $0) }
    }

    /// The weight that `--weight` names.
    func weight() throws -> Int? {
        try self.integer("weight", in: 0...ServiceInstance.maximumWeight)
    }

    /// The pairs of `--metadata`.
    ///
    /// - Returns: Each key and its value; `nil` where there is no `=`.
    /// - Throws: A ``UsageError`` for a key that is empty or given twice.
    func metadata() throws -> [String: String?] {
        var metadata: [String: String?] = [:]
        for text in self.options("metadata") {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty else { throw self.misuse("--metadata: \(text.quotedForDisplay) has no key") }
            guard metadata.updateValue(parts.count == 2 ? parts[1] : nil, forKey: parts[0]) == nil else {
                throw self.misuse("--metadata: the key \(parts[0].quotedForDisplay) is given twice")
            }
        }
        return metadata
    }
}

extension Table {
    /// The headings of ``append(_:)-instance``.
    static var instances: Table { Table("ID", "ENDPOINT", "STATUS", "VERSION", "ZONE", "WEIGHT", "TAGS") }

    /// Appends the row of an instance.
    mutating func append(_ instance: ServiceInstance) {
        self.append(
            Cell(instance.id.text),
            Cell(instance.endpoints.map(\.description).joined(separator: " ")),
            Cell(instance.status),
            Cell(instance.version?.description ?? ""),
            Cell(instance.zone ?? ""),
            Cell("\(instance.weight)"),
            Cell(instance.tags.joined(separator: ","))
        )
    }
}
