import HTTPEngine
import Rollcall

/// A service as the tutorial's protocol tells it: `{"Name":…,"Addr":…,"RequiredServices":[…]}`.
struct TutorialService: Hashable, Sendable {
    /// Marks instances that registered so: they are kept by heart-beats and told by pushes.
    static let marker = (key: "rollcall.protocol", value: "tutorial")

    let name: ServiceName
    let address: String
    let required: [ServiceName]

    /// Reads a document; `null` stands for an empty list there.
    ///
    /// - Throws: A ``ValidationError`` that names the field.
    init(from reader: inout JSONReader) throws(ValidationError) {
        var draft = (name: ServiceName?.none, address: String?.none, required: [ServiceName]())
        try reader.object { (reader, name) throws(ValidationError) in
            // Go, whose programs send this, does not heed case either.
            switch name.lowercased() {
            case "name": draft.name = try reader.name()
            case "addr": draft.address = try reader.string()
            case "requiredservices":
                guard try !reader.isNull() else { return }
                try reader.array { (reader) throws(ValidationError) in
                    draft.required.append(try reader.name())
                }
            default: try reader.skip()
            }
        }
        guard let name = draft.name else { throw ValidationError(field: "Name", message: "is missing") }
        guard let address = draft.address else { throw ValidationError(field: "Addr", message: "is missing") }
        self.name = name
        self.address = address
        self.required = draft.required
    }

    /// What others are told of an instance, or `nil` when it has no http endpoint.
    init?(_ instance: ServiceInstance) {
        guard let endpoint = instance.endpoint(scheme: "http") else { return nil }
        self.name = instance.service
        self.address = endpoint.authority
        self.required = instance.requires
    }

    /// The instance to register; its id is its address.
    ///
    /// - Throws: A ``ValidationError`` for the field `Addr`.
    func instance() throws(ValidationError) -> ServiceInstance {
        let endpoint: Endpoint
        do throws(ValidationError) {
            endpoint = try Endpoint("http://" + self.address)
            guard endpoint.authority == self.address else {
                throw ValidationError(field: "", message: "\(self.address.quotedForDisplay) is not HOST:PORT")
            }
        } catch {
            throw ValidationError(field: "Addr", message: error.message, limit: error.limit)
        }
        return try ServiceInstance(
            service: self.name,
            id: try InstanceID(self.address),
            endpoints: [endpoint],
            metadata: [Self.marker.key: Self.marker.value],
            requires: self.required
        )
    }

    /// The document.
    var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("Name")
            writer.string(self.name.text)
            writer.key("Addr")
            writer.string(self.address)
            writer.key("RequiredServices")
            writer.array { writer in
                for service in self.required { writer.string(service.text) }
            }
        }
    }
}

extension ServiceInstance {
    /// Whether it registered by the tutorial's protocol.
    var speaksTutorial: Bool { self.metadata[TutorialService.marker.key] == TutorialService.marker.value }
}
