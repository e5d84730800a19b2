import Rollcall

/// One record of a service, as `/v1/health/service` tells it.
struct HealthRecord: Hashable {
    /// A place that a record names beside its own.
    struct Place: Hashable {
        var address = ""
        var port = 0
    }

    /// One check of the record or its node.
    struct Check: Hashable {
        var id = ""
        var name = ""
        var status = ""
        var output = ""
        var serviceID = ""
    }

    /// The name of the node.
    var node = ""
    var nodeAddress = ""
    /// The record's id, which is one on its node.
    var id = ""
    var service = ""
    var address = ""
    var port = 0
    var tags: [String] = []
    var meta: [String: String] = [:]
    var places: [String: Place] = [:]
    var weight = 1
    /// When the catalog was told of it.
    var createIndex: UInt64 = 0
    var checks: [Check] = []

    /// Reads an answer.
    ///
    /// - Parameter json: An array of records, `null` for none.
    /// - Returns: The records.
    /// - Throws: A ``ValidationError`` that names the field.
    static func list(json: [UInt8]) throws(ValidationError) -> [HealthRecord] {
        var records: [HealthRecord] = []
        var reader = JSONReader(json)
        if try !reader.isNull() {
            try reader.array { (reader) throws(ValidationError) in records.append(try HealthRecord(from: &reader)) }
        }
        try reader.end()
        return records
    }

    private init(from reader: inout JSONReader) throws(ValidationError) {
        var record = HealthRecord()
        var hasService = false
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "Node": try record.readNode(&reader)
            case "Service":
                hasService = true
                try record.readService(&reader)
            case "Checks":
                guard try !reader.isNull() else { return }
                try reader.array { (reader) throws(ValidationError) in record.checks.append(try Check(from: &reader)) }
            default: try reader.skip()
            }
        }
        guard hasService, !record.id.isEmpty else { throw ValidationError(field: "Service.ID", message: "is missing") }
        self = record
    }

    init() {}

    private mutating func readNode(_ reader: inout JSONReader) throws(ValidationError) {
        var (node, address) = ("", "")
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "Node": node = try reader.optionalString()
            case "Address": address = try reader.optionalString()
            default: try reader.skip()
            }
        }
        (self.node, self.nodeAddress) = (node, address)
    }

    private mutating func readService(_ reader: inout JSONReader) throws(ValidationError) {
        var record = self
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "ID": record.id = try reader.optionalString()
            case "Service": record.service = try reader.optionalString()
            case "Address": record.address = try reader.optionalString()
            case "Port": record.port = try reader.isNull() ? 0 : try reader.integer()
            case "Tags": record.tags = try reader.strings()
            case "Meta": record.meta = try reader.stringMap()
            case "TaggedAddresses": record.places = try Place.map(from: &reader)
            case "Weights": record.weight = try Self.passingWeight(from: &reader)
            case "CreateIndex": record.createIndex = try reader.unsigned()
            default: try reader.skip()
            }
        }
        self = record
    }

    private static func passingWeight(from reader: inout JSONReader) throws(ValidationError) -> Int {
        var weight = 1
        guard try !reader.isNull() else { return weight }
        try reader.object { (reader, name) throws(ValidationError) in
            if name == "Passing" { weight = try reader.integer() } else { try reader.skip() }
        }
        return weight
    }
}

extension HealthRecord.Place {
    fileprivate static func map(
        from reader: inout JSONReader
    ) throws(ValidationError) -> [String: HealthRecord.Place] {
        var places: [String: HealthRecord.Place] = [:]
        guard try !reader.isNull() else { return places }
        try reader.object { (reader, tag) throws(ValidationError) in
            var place = HealthRecord.Place()
            try reader.object { (reader, name) throws(ValidationError) in
                switch name {
                // Versions differ in how they write it.
                case "Address", "address": place.address = try reader.optionalString()
                case "Port", "port": place.port = try reader.integer()
                default: try reader.skip()
                }
            }
            places[tag] = place
        }
        return places
    }
}

extension HealthRecord.Check {
    /// Reads a check.
    init(from reader: inout JSONReader) throws(ValidationError) {
        var check = HealthRecord.Check()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "CheckID": check.id = try reader.optionalString()
            case "Name": check.name = try reader.optionalString()
            case "Status": check.status = try reader.optionalString()
            case "Output": check.output = try reader.optionalString()
            case "ServiceID": check.serviceID = try reader.optionalString()
            default: try reader.skip()
            }
        }
        self = check
    }

    /// Reads the agent's answer of checks by their ids.
    static func map(json: [UInt8]) throws(ValidationError) -> [String: HealthRecord.Check] {
        var checks: [String: HealthRecord.Check] = [:]
        var reader = JSONReader(json)
        if try !reader.isNull() {
            try reader.object { (reader, id) throws(ValidationError) in
                checks[id] = try HealthRecord.Check(from: &reader)
            }
        }
        try reader.end()
        return checks
    }
}
