import Rollcall

/// One line of the journal: what changed, in a form that can be carried out again.
enum JournalRecord: Hashable, Sendable {
    /// Somebody registered, replacing whoever held the id.
    case register(namespace: Namespace, instance: ServiceInstance, proof: LeaseProof, ttl: Duration)
    /// The holder changed its record.
    case update(namespace: Namespace, instance: ServiceInstance, proof: LeaseProof)
    /// Somebody laid a change over a record.
    case amend(namespace: Namespace, service: ServiceName, id: InstanceID, change: InstanceChange)
    /// An instance began to fail the hub's checks, or to pass them.
    case check(namespace: Namespace, service: ServiceName, id: InstanceID, fails: Bool)
    /// A registration ended, by its holder or with its time.
    case end(namespace: Namespace, service: ServiceName, id: InstanceID)
    /// Somebody else took a record out; its holder stays out until then, in milliseconds since 1970.
    case tombstone(proof: LeaseProof, until: Int64)
    /// Revisions up to this one may have been given out.
    case reserve(revision: UInt64)
}

extension JournalRecord {
    private static let failing = "failing"
    private static let passing = "passing"

    /// The record as one JSON object.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("op")
            writer.string(self.name)
            switch self {
            case .register(let namespace, let instance, let proof, let ttl):
                writer.member("ns", namespace.text)
                writer.member("proof", proof.text)
                writer.key("ttl")
                writer.integer(ttl.milliseconds)
                writer.key("instance")
                writer.raw(instance.json)
            case .update(let namespace, let instance, let proof):
                writer.member("ns", namespace.text)
                writer.member("proof", proof.text)
                writer.key("instance")
                writer.raw(instance.json)
            case .amend(let namespace, let service, let id, let change):
                writer.place(namespace, service, id)
                writer.key("change")
                change.write(to: &writer)
            case .check(let namespace, let service, let id, let fails):
                writer.place(namespace, service, id)
                writer.member("verdict", fails ? Self.failing : Self.passing)
            case .end(let namespace, let service, let id):
                writer.place(namespace, service, id)
            case .tombstone(let proof, let until):
                writer.member("proof", proof.text)
                writer.key("until")
                writer.integer(until)
            case .reserve(let revision):
                writer.key("revision")
                writer.integer(revision)
            }
        }
        return writer.bytes
    }

    private var name: String {
        switch self {
        case .register: "register"
        case .update: "update"
        case .amend: "amend"
        case .check: "check"
        case .end: "end"
        case .tombstone: "tombstone"
        case .reserve: "reserve"
        }
    }

    /// Reads a record.
    ///
    /// - Parameter json: One JSON object.
    /// - Throws: A ``ValidationError`` for what is no record of this version.
    init(json: some Collection<UInt8>) throws(ValidationError) {
        var fields = Fields()
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in try fields.read(name, from: &reader) }
        try reader.end()
        switch fields.op {
        case "register":
            let ttl = Duration.milliseconds(try fields.required(fields.ttl, "ttl"))
            self = .register(
                namespace: try fields.required(fields.namespace, "ns"),
                instance: try fields.required(fields.instance, "instance"),
                proof: try fields.required(fields.proof, "proof"),
                ttl: ttl
            )
        case "update":
            self = .update(
                namespace: try fields.required(fields.namespace, "ns"),
                instance: try fields.required(fields.instance, "instance"),
                proof: try fields.required(fields.proof, "proof")
            )
        case "tombstone":
            let until = try fields.required(fields.until, "until")
            self = .tombstone(proof: try fields.required(fields.proof, "proof"), until: Int64(until))
        case "reserve":
            self = .reserve(revision: UInt64(max(0, try fields.required(fields.revision, "revision"))))
        default:
            self = try Self.onInstance(fields)
        }
    }

    /// The records that name an instance by namespace, service and id.
    private static func onInstance(_ fields: Fields) throws(ValidationError) -> JournalRecord {
        let namespace = try fields.required(fields.namespace, "ns")
        let service = try fields.required(fields.service, "service")
        let id = try fields.required(fields.id, "id")
        switch fields.op {
        case "amend":
            let change = try fields.required(fields.change, "change")
            return .amend(namespace: namespace, service: service, id: id, change: change)
        case "check":
            let verdict = try fields.required(fields.verdict, "verdict")
            guard verdict == Self.failing || verdict == Self.passing else {
                throw ValidationError(field: "verdict", message: "\(verdict.quotedForDisplay) is no verdict")
            }
            return .check(namespace: namespace, service: service, id: id, fails: verdict == Self.failing)
        case "end":
            return .end(namespace: namespace, service: service, id: id)
        default:
            throw ValidationError(
                field: "op",
                message: "\(fields.op.quotedForDisplay) is not an operation of this version"
            )
        }
    }

    private struct Fields {
        var op = ""
        var namespace: Namespace?
        var service: ServiceName?
        var id: InstanceID?
        var instance: ServiceInstance?
        var change: InstanceChange?
        var verdict: String?
        var proof: LeaseProof?
        var ttl: Int?
        var until: Int?
        var revision: Int?

        mutating func read(_ name: String, from reader: inout JSONReader) throws(ValidationError) {
            switch name {
            case "op": self.op = try reader.string()
            case "ns": self.namespace = try Namespace(reader.string())
            case "service": self.service = try ServiceName(reader.string())
            case "id": self.id = try InstanceID(reader.string())
            case "instance": self.instance = try ServiceInstance.read(from: &reader, service: nil, id: nil)
            case "change": self.change = try InstanceChange.read(from: &reader)
            case "verdict": self.verdict = try reader.string()
            case "proof": self.proof = LeaseProof(try reader.string())
            case "ttl": self.ttl = try reader.integer()
            case "until": self.until = try reader.integer()
            case "revision": self.revision = try reader.integer()
            default: try reader.skip()
            }
        }

        func required<Value>(_ value: Value?, _ field: String) throws(ValidationError) -> Value {
            guard let value else { throw ValidationError(field: field, message: "is missing") }
            return value
        }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: String) {
        self.key(name)
        self.string(value)
    }

    fileprivate mutating func place(_ namespace: Namespace, _ service: ServiceName, _ id: InstanceID) {
        self.member("ns", namespace.text)
        self.member("service", service.text)
        self.member("id", id.text)
    }
}

extension Duration {
    var milliseconds: Int64 {
        self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
    }
}
