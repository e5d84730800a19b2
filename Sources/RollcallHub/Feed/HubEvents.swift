import Rollcall

/// The events of a stream, in the form of server-sent events (WHATWG HTML, section 9.2).
enum HubEvents {
    /// How often a stream that has nothing to say shows that it lives.
    static let beat = Duration.seconds(5)

    /// In how many parts the streams do that, so that there is no moment at which all of them do.
    static let parts = 20

    /// A comment, which readers step over.
    static let heartbeat = Array(": heartbeat\n\n".utf8)

    /// A service's snapshot.
    static func snapshot(_ snapshot: EncodedSnapshot, epoch: String) -> [UInt8] {
        Self.event("snapshot", id: "\(epoch).\(snapshot.revision)", data: snapshot.json)
    }

    /// What changed of a service.
    static func delta(_ change: RegistryTable.Change, _ table: RegistryTable, epoch: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.object { writer in
            writer.key("service")
            writer.string(change.place.service.text)
            writer.key("from")
            writer.integer(change.from)
            writer.key("to")
            writer.integer(change.to)
            writer.key("upserts")
            writer.array { writer in
                for id in change.upserted {
                    if let record = table.record(id, at: change.place) { writer.raw(record.visible.json) }
                }
            }
            writer.key("removed")
            writer.array { writer in
                for (id, reason) in change.departed {
                    writer.object { writer in
                        writer.key("id")
                        writer.string(id.text)
                        writer.key("reason")
                        writer.string(reason.rawValue)
                    }
                }
            }
        }
        return Self.event("delta", id: "\(epoch).\(change.to)", data: writer.bytes)
    }

    /// The services that there are.
    static func services(_ summaries: [ServiceSummary]) -> [UInt8] {
        Self.event("services", id: nil, data: ServiceSummary.json(summaries))
    }

    /// JSON has no line breaks of its own here, so that one line holds the data.
    static func event(_ name: String, id: String?, data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count + 80)
        if let id { bytes.append(contentsOf: "id: \(id)\n".utf8) }
        bytes.append(contentsOf: "event: \(name)\ndata: ".utf8)
        bytes.append(contentsOf: data)
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
