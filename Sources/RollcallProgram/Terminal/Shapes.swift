import Rollcall

extension ServiceSnapshot {
    /// The snapshot as JSON, the same as in the hub's API: `{"service":…,"revision":…,"instances":[…]}`.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("service")
            writer.string(self.service.text)
            writer.key("revision")
            writer.integer(self.revision)
            writer.key("instances")
            writer.array { writer in
                for instance in self.instances { writer.raw(instance.json) }
            }
        }
    }
}

extension ServiceSummary {
    /// The summary as JSON, the same as in the hub's API.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("service")
            writer.string(self.service.text)
            for status in HealthStatus.allCases {
                writer.key(status.rawValue)
                writer.integer(self[status])
            }
        }
    }
}

extension Duration {
    /// A short time for people, in milliseconds: `0.4 ms`.
    var inMilliseconds: String {
        let tenths = Int((self / .microseconds(100)).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
