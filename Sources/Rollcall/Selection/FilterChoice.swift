/// How a filter of one call goes together with the one that is configured.
public struct FilterChoice: Sendable {
    private enum Kind {
        case configured
        case also(InstanceFilter)
        case only(InstanceFilter)
    }

    private let kind: Kind

    /// The configured filter alone.
    public static let configured = FilterChoice(kind: .configured)

    /// What both let through.
    public static func also(_ filter: InstanceFilter) -> FilterChoice { FilterChoice(kind: .also(filter)) }

    /// What this filter lets through, whatever the configured one says.
    public static func only(_ filter: InstanceFilter) -> FilterChoice { FilterChoice(kind: .only(filter)) }

    /// Whether the configured filter holds alone.
    var isConfigured: Bool {
        if case .configured = self.kind { true } else { false }
    }

    /// What must hold beside the configured filter; `nil` for nothing.
    var addition: InstanceFilter? {
        if case .also(let filter) = self.kind { filter } else { nil }
    }

    /// What takes the configured filter's place; `nil` when that holds.
    var replacement: InstanceFilter? {
        if case .only(let filter) = self.kind { filter } else { nil }
    }

    /// The filter that comes of it.
    func applied(to configured: InstanceFilter) -> InstanceFilter {
        switch self.kind {
        case .configured: configured
        case .also(let filter): configured && filter
        case .only(let filter): filter
        }
    }
}
