/// Why no instance of a service may be chosen: what a `notFound` of ``Discovery`` has as its ``BackendError/cause``.
public struct NoInstanceError: Error, Sendable {
    /// How many instances the text form goes into.
    private static let shown = 10

    private let evidence: SelectionEvidence

    init(_ evidence: SelectionEvidence) {
        self.evidence = evidence
    }

    /// The service.
    public var service: ServiceName { self.evidence.service }

    /// What broke the watch of the registry last, until it is well again.
    public var registryError: BackendError? { self.evidence.error }

    /// Why each instance was out when there was none to choose.
    ///
    /// It is made when it is asked for: many calls may fail in a short time. Who was registered, what probes said and what
    /// was held is told as it was when the error was thrown; what calls show (who is left out for failed ones, how many are
    /// under way, how long they take), as it is when the report is asked for.
    public var report: SelectionReport { self.evidence.report }

    /// How many instances there are of each status, which is what most often decides.
    var summary: String {
        guard let instances = self.evidence.inputs?.snapshot.instances else {
            return "nothing is known of the service yet"
        }
        guard !instances.isEmpty else { return "no instance is registered" }
        let statuses = HealthStatus.allCases.compactMap { status in
            let count = instances.count { $0.status == status }
            return count == 0 ? nil : "\(count) \(status.rawValue)"
        }
        return "of \(instances.count) registered none may be chosen: \(statuses.joined(separator: ", "))"
    }
}

extension NoInstanceError: CustomStringConvertible {
    /// Why each of the first ten instances is out, and what is wrong with the registry.
    public var description: String {
        let report = self.report
        var parts = report.entries.prefix(Self.shown).map { entry in
            let remarks = entry.remarks.map { remark in
                remark.age.map { "\(remark.text), for \($0.inSeconds)" } ?? remark.text
            }
            return "\(entry.instance.id): \(remarks.joined(separator: "; "))"
        }
        if report.entries.count > Self.shown { parts.append("and \(report.entries.count - Self.shown) more") }
        parts += report.remarks.map(\.text)
        if report.source != nil, let error = self.registryError { parts.append("the registry: \(error)") }
        return parts.joined(separator: "; ")
    }
}

extension Duration {
    /// The time in whole seconds, for people.
    fileprivate var inSeconds: String { "\(self.components.seconds) s" }
}
