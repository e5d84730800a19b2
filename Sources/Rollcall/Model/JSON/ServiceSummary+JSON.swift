extension ServiceSummary {
    /// The document of a list of services: `{"services":[{"service":"web","passing":2,…}]}`.
    package static func json(_ summaries: [ServiceSummary]) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + summaries.count * 96)
        writer.object { writer in
            writer.key("services")
            writer.array { writer in
                for summary in summaries { summary.write(to: &writer) }
            }
        }
        return writer.bytes
    }

    /// Reads the document of a list of services; fields that this version does not know are ignored.
    ///
    /// - Throws: A ``ValidationError`` for JSON that is something else.
    package static func list(json: some Collection<UInt8>) throws(ValidationError) -> [ServiceSummary] {
        var summaries: [ServiceSummary]?
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "services" else { return try reader.skip() }
            var list: [ServiceSummary] = []
            try reader.array { (reader) throws(ValidationError) in
                list.append(try Self.read(from: &reader))
            }
            summaries = list
        }
        try reader.end()
        guard let summaries else { throw ValidationError(field: "services", message: "is missing") }
        return summaries
    }

    private func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("service")
            writer.string(self.service.text)
            for status in HealthStatus.allCases {
                writer.key(status.rawValue)
                writer.integer(self[status])
            }
        }
    }

    private static func read(from reader: inout JSONReader) throws(ValidationError) -> ServiceSummary {
        var service: ServiceName?
        var counts: [HealthStatus: Int] = [:]
        try reader.object { (reader, name) throws(ValidationError) in
            if name == "service" {
                service = try reader.name()
            } else if let status = HealthStatus(rawValue: name) {
                let count = try reader.integer()
                if count > 0 { counts[status] = count }
            } else {
                try reader.skip()
            }
        }
        guard let service else { throw ValidationError(field: "service", message: "is missing") }
        return ServiceSummary(service: service, counts: counts)
    }
}
