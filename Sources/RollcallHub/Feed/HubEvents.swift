import Rollcall

/// The events of a stream, in the form of server-sent events (WHATWG HTML, section 9.2).
enum HubEvents {
    /// How often a stream that has nothing to say shows that it lives.
    static let beat = Duration.seconds(5)

    /// In how many parts the streams do that, so that there is no moment at which all of them do.
    static let parts = 20

    /// Makes all streams show that they live, one part after the other, until the task is cancelled.
    static func beat(clock: TimeSource, _ beat: (_ part: Int) -> Void) async {
        var part = 0
        while (try? await clock.sleep(for: Self.beat / Self.parts)) != nil {
            beat(part)
            part = (part + 1) % Self.parts
        }
    }

    /// A comment, which readers step over.
    static let heartbeat = Array(": heartbeat\n\n".utf8)

    /// A service's snapshot.
    static func snapshot(_ snapshot: EncodedSnapshot, epoch: String) -> [UInt8] {
        Self.event("snapshot", id: "\(epoch).\(snapshot.revision)", data: snapshot.json)
    }

    /// What changed of a service.
    static func delta(_ change: RegistryTable.Change, _ table: RegistryTable, epoch: String) -> [UInt8] {
        self.delta(
            of: change.place.service,
            from: change.from,
            to: change.to,
            upserts: change.upserted.compactMap { table.record($0, at: change.place)?.visible },
            removed: change.departed.map { ($0, $1) },
            epoch: epoch
        )
    }

    /// What changed of a service.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - from: Its revision before.
    ///   - to: Its revision after.
    ///   - upserts: The instances that are new or others than before.
    ///   - removed: Those that left, and why.
    ///   - epoch: What revisions belong to.
    /// - Returns: The event.
    static func delta(
        of service: ServiceName,
        from: UInt64,
        to: UInt64,
        upserts: [ServiceInstance],
        removed: [(InstanceID, DepartureReason)],
        epoch: String
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.object { writer in
            writer.key("service")
            writer.string(service.text)
            writer.key("from")
            writer.integer(from)
            writer.key("to")
            writer.integer(to)
            writer.key("upserts")
            writer.array { writer in
                for instance in upserts { writer.raw(instance.json) }
            }
            writer.key("removed")
            writer.array { writer in
                for (id, reason) in removed {
                    writer.object { writer in
                        writer.key("id")
                        writer.string(id.text)
                        writer.key("reason")
                        writer.string(reason.rawValue)
                    }
                }
            }
        }
        return Self.event("delta", id: "\(epoch).\(to)", data: writer.bytes)
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
