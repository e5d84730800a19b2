import Rollcall

/// How an instance stands in Consul: names of its parts, the same for writing and reading.
///
/// Address, port, tags, weight and metadata stand where every user of Consul looks for them, as far as Consul can hold
/// them. The whole instance stands in numbered pairs of `Meta` as JSON, and that is what Rollcall reads.
enum InstanceCodec {
    /// The pair with the nonce of the lease.
    static let leaseKey = "rollcall-lease"
    /// The pair with the id that the instance has in Rollcall.
    static let idKey = "rollcall-id"
    /// The pair with the time-to-live of the lease.
    static let ttlKey = "rollcall-ttl"
    /// What the pairs with the instance's JSON begin with; a number from 0 follows.
    static let pieceKey = "rollcall-json-"
    /// What the keys of Rollcall begin with.
    static let ownKeys = "rollcall-"

    /// The most pairs of `Meta`.
    static let maximumPairs = 64
    /// The most bytes of a key of `Meta`.
    static let maximumKeyBytes = 128
    /// The most bytes of a value of `Meta`.
    static let maximumValueBytes = 512

    /// The check that a lease is renewed by.
    ///
    /// It has the nonce in its name, so that a late renewal of a lease that was displaced finds nothing to renew.
    static func leaseCheck(_ nonce: String) -> String { "rollcall-lease-\(nonce)" }

    /// What the check begins with that tells other users of Consul that an instance does not want calls.
    static func statusCheck(_ nonce: String) -> String { "rollcall-status-\(nonce)-" }

    /// The check that the agent makes.
    static func agentCheck(_ nonce: String) -> String { "rollcall-agent-\(nonce)" }

    /// Whether a check tells how an instance is, of which its holder's own word stands in the record.
    ///
    /// Those of a registration that this one replaced are still there for a moment, and may have run out.
    static func speaks(_ check: HealthRecord.Check, of nonce: String) -> Bool {
        !check.id.hasPrefix(self.ownKeys) || check.id == self.leaseCheck(nonce) || check.id == self.agentCheck(nonce)
    }

    /// Whether a lease check says that nobody renewed it in time.
    ///
    /// Somebody who sets it critical says something else.
    static func isExpired(_ check: HealthRecord.Check) -> Bool {
        check.status == "critical" && check.output.hasPrefix("TTL expired")
    }

    /// Cuts a text into pieces of at most so many bytes, between characters.
    static func pieces(of json: [UInt8], atMost limit: Int = Self.maximumValueBytes) -> [String] {
        var pieces: [String] = []
        var rest = json[...]
        while !rest.isEmpty {
            var end = rest.index(rest.startIndex, offsetBy: limit, limitedBy: rest.endIndex) ?? rest.endIndex
            // A byte 10xxxxxx continues a character of UTF-8.
            while end < rest.endIndex, end > rest.startIndex, rest[end] & 0xC0 == 0x80 { end -= 1 }
            pieces.append(String(decoding: rest[..<end], as: UTF8.self))
            rest = rest[end...]
        }
        return pieces
    }

    /// The JSON that stands in pieces in `Meta`; `nil` where there is none.
    static func json(in meta: [String: String]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var number = 0
        while let piece = meta["\(self.pieceKey)\(number)"] {
            bytes.append(contentsOf: piece.utf8)
            number += 1
        }
        return number == 0 ? nil : bytes
    }

    /// Whether a pair of metadata may stand in `Meta` as it is.
    static func isPlain(_ key: String, _ value: String) -> Bool {
        !key.isEmpty && key.utf8.count <= self.maximumKeyBytes && value.utf8.count <= self.maximumValueBytes
            && key.utf8.allSatisfy { $0.isPlainAlphanumeric || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
            && !key.hasPrefix("consul-") && !key.hasPrefix(self.ownKeys)
    }

    /// Whether a host stands for all addresses of its machine, which Consul refuses; it puts the node's in their place.
    static func isAnyAddress(_ host: String) -> Bool {
        host.utf8.allSatisfy { "0:.".utf8.contains($0) }
    }
}

/// What is sent to register an instance, or to change what is registered.
struct Registration {
    /// The id on the agent.
    let id: String
    /// The name in the catalog.
    let name: String
    let instance: ServiceInstance
    let nonce: String
    let ttl: Duration
    /// How it is written.
    let layout: any ConsulLayout
    /// What the agent is asked to check.
    var agentCheck: AgentCheckTarget?

    /// The document of `/v1/agent/service/register`.
    var json: [UInt8] {
        var writer = JSONWriter(capacity: 2048)
        let endpoint = self.layout.place(of: self.instance)
        let weight = max(1, self.instance.weight)
        writer.object { writer in
            writer.member("ID", self.id)
            writer.member("Name", self.name)
            if endpoint.scheme == "unix" {
                writer.member("SocketPath", endpoint.path)
            } else {
                if !InstanceCodec.isAnyAddress(endpoint.host) { writer.member("Address", endpoint.host) }
                writer.key("Port")
                writer.integer(endpoint.port)
            }
            writer.key("Tags")
            writer.array { writer in
                for tag in self.instance.tags { writer.string(tag) }
            }
            writer.key("Meta")
            writer.object { writer in
                for (key, value) in self.meta.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
            }
            self.writePlaces(to: &writer)
            writer.key("Weights")
            writer.object { writer in
                for name in ["Passing", "Warning"] {
                    writer.key(name)
                    writer.integer(weight)
                }
            }
            self.writeChecks(to: &writer)
        }
        return writer.bytes
    }

    /// What stands in `Meta`: Rollcall's pairs, and as many of the caller's as there is room for.
    var meta: [String: String] {
        var meta = self.layout.pairs(of: self.instance)
        meta.merge([
            InstanceCodec.leaseKey: self.nonce, InstanceCodec.idKey: self.instance.id.text,
            InstanceCodec.ttlKey: self.ttl.text,
        ]) { _, own in own }
        for (number, piece) in InstanceCodec.pieces(of: self.instance.json).enumerated() {
            meta["\(InstanceCodec.pieceKey)\(number)"] = piece
        }
        var plain = self.instance.metadata
        if let version = self.instance.version, plain["version"] == nil { plain["version"] = version.description }
        if let zone = self.instance.zone, plain["zone"] == nil { plain["zone"] = zone }
        for (key, value) in plain.sorted(by: { $0.key < $1.key }) where InstanceCodec.isPlain(key, value) {
            guard meta[key] == nil else { continue }
            guard meta.count < InstanceCodec.maximumPairs else { break }
            meta[key] = value
        }
        return meta
    }

    /// What others than Rollcall go by: `nil` for an instance that wants calls.
    private var warning: (status: String, reason: String)? {
        switch self.instance.status {
        case .critical, .maintenance: ("critical", self.instance.status.rawValue)
        case .passing, .warning:
            if self.instance.weight == 0 {
                ("critical", "drained")
            } else {
                self.instance.status == .warning ? ("warning", "warning") : nil
            }
        }
    }

    private func writePlaces(to writer: inout JSONWriter) {
        // Consul fills these by itself.
        var taken: Set<String> = ["unix", "lan", "wan", "virtual"]
        writer.key("TaggedAddresses")
        writer.object { writer in
            for endpoint in self.instance.endpoints where !InstanceCodec.isAnyAddress(endpoint.host) {
                guard taken.insert(endpoint.scheme).inserted else { continue }
                writer.key(endpoint.scheme)
                writer.object { writer in
                    writer.member("Address", endpoint.host)
                    writer.key("Port")
                    writer.integer(endpoint.port)
                }
            }
        }
    }

    private func writeChecks(to writer: inout JSONWriter) {
        writer.key("Checks")
        writer.array { writer in
            writer.object { writer in
                let times = self.layout.leaseTimes(self.ttl)
                writer.member("CheckID", self.layout.leaseCheck(self.nonce, rawID: self.id))
                writer.member("Name", "Rollcall lease")
                writer.member("TTL", times.limit.consulText)
                writer.member("Status", "passing")
                writer.member("DeregisterCriticalServiceAfter", times.removal.consulText)
            }
            if let check = self.agentCheck { self.write(check, to: &writer) }
            guard let warning = self.warning else { return }
            // A check of its own, so that Consul does not take the record out for it; named after what it says, because
            // an agent keeps the status of a check that it knows.
            writer.object { writer in
                writer.member("CheckID", InstanceCodec.statusCheck(self.nonce) + warning.reason)
                writer.member("Name", "Rollcall status: \(warning.reason)")
                writer.member("TTL", "87600h")
                writer.member("Status", warning.status)
            }
        }
    }
}

extension Registration {
    private func write(_ check: AgentCheckTarget, to writer: inout JSONWriter) {
        let name = self.layout.agentCheckName(self.nonce, rawID: self.id)
        writer.object { writer in
            writer.member("CheckID", name.id)
            writer.member("Name", "Rollcall agent check")
            check.write(to: &writer)
            if let removal = name.removal { writer.member("DeregisterCriticalServiceAfter", removal.consulText) }
        }
    }
}

extension Duration {
    /// The duration as Go reads it; to the millisecond.
    var consulText: String {
        let (seconds, attoseconds) = self.components
        return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms"
    }
}

extension JSONWriter {
    /// Writes a member that is a text.
    mutating func member(_ name: String, _ text: String) {
        self.key(name)
        self.string(text)
    }
}
