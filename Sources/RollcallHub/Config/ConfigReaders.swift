import Rollcall
import Synchronization

/// What an instance runs, as it says itself: `{"instance":{…},"uses":{"shop/limits":6}}`.
struct ConfigReaderReport {
    let instance: ConfigInstance
    /// Of each key the version in use.
    let uses: [ConfigKey: Int64]

    /// Reads a report.
    init(from reader: inout JSONReader) throws(ValidationError) {
        var instance: ConfigInstance?
        var uses: [ConfigKey: Int64] = [:]
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "instance": instance = try ConfigInstance.read(from: &reader)
            case "uses":
                try reader.object { (reader, key) throws(ValidationError) in
                    uses[try Self.key(key)] = Int64(try reader.integer())
                }
            default: try reader.skip()
            }
        }
        guard let instance else { throw ValidationError(field: "instance", message: "is missing") }
        self.instance = instance
        self.uses = uses
    }

    private static func key(_ text: String) throws(ValidationError) -> ConfigKey {
        do throws(ValidationError) {
            return try ConfigKey(text)
        } catch {
            throw ValidationError(field: "", message: error.message, limit: error.limit)
        }
    }
}

/// Who runs what: what instances said that they run, and whether that is what they are to run.
///
/// Kept in memory, and forgotten when an instance has said nothing for a while.
final class ConfigReaders: Sendable {
    /// After how long without a report an instance is taken to be gone: three of the client's.
    static let lifetime = Duration.seconds(90)
    /// The most instances that are known at a time.
    static let limit = 100_000

    private struct Reader: Hashable {
        let namespace: Namespace
        let service: ServiceName?
        let id: InstanceID
    }

    private struct Report {
        let instance: ConfigInstance
        let uses: [ConfigKey: Int64]
        let at: TimeSource.Instant
    }

    private let clock: TimeSource
    private let reports = Mutex<[Reader: Report]>([:])

    init(clock: TimeSource) {
        self.clock = clock
    }

    /// Takes note of a report, in place of the instance's last.
    ///
    /// - Throws: `tooLarge` when too many instances report.
    func note(_ report: ConfigReaderReport, in namespace: Namespace) throws(BackendError) {
        let reader = Reader(namespace: namespace, service: report.instance.service, id: report.instance.id)
        let now = self.clock.now
        let isTaken = self.reports.withLock { reports in
            if reports.count >= Self.limit, reports[reader] == nil {
                reports = reports.filter { $0.value.at.advanced(by: Self.lifetime) > now }
                guard reports.count < Self.limit else { return false }
            }
            reports[reader] = Report(instance: report.instance, uses: report.uses, at: now)
            return true
        }
        guard isTaken else {
            var error = BackendError(.tooLarge, "too many instances report what they run")
            error.limit = Self.limit
            throw error
        }
    }

    /// Who runs what of a key, as JSON, in order of services and ids.
    func json(of place: ConfigTable.Place, _ config: HubConfig) -> [UInt8] {
        let now = self.clock.now
        let reports = self.reports.withLock { reports in
            reports = reports.filter { $0.value.at.advanced(by: Self.lifetime) > now }
            return reports.filter { $0.key.namespace == place.namespace && $0.value.uses[place.key] != nil }
        }
        let sorted = reports.sorted { first, second in
            (first.key.service?.text ?? "", first.key.id.text) < (second.key.service?.text ?? "", second.key.id.text)
        }
        var current = 0
        var writer = JSONWriter(capacity: 256 + sorted.count * 160)
        writer.object { writer in
            writer.key("key")
            writer.string(place.key.text)
            writer.key("readers")
            writer.array { writer in
                for (_, report) in sorted {
                    let expected = config.entry(at: place, for: report.instance)?.version ?? 0
                    let actual = report.uses[place.key] ?? 0
                    if expected == actual { current += 1 }
                    writer.object { writer in
                        writer.key("instance")
                        report.instance.write(to: &writer)
                        writer.key("expected")
                        writer.integer(expected)
                        writer.key("actual")
                        writer.integer(actual)
                        writer.key("age")
                        writer.string(report.at.duration(to: now).text)
                    }
                }
            }
            writer.key("current")
            writer.integer(current)
            writer.key("total")
            writer.integer(sorted.count)
        }
        return writer.bytes
    }
}
