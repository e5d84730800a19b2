#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Which instances may be chosen.
///
/// Filters combine with `&&`, `||` and `!`.
public struct InstanceFilter: Sendable {
    private let accepts: @Sendable (ServiceInstance) -> Bool
    private let reason: @Sendable (ServiceInstance) -> String

    /// Accepts what `accepts` returns true for.
    ///
    /// - Parameters:
    ///   - description: What the filter wants, for those who ask why an instance is left out.
    ///   - accepts: Whether the filter lets an instance through. It is called often, must not block, and must not change
    ///     anything of the discovery that calls it.
    public init(
        _ description: String = "a filter of the program",
        _ accepts: @escaping @Sendable (ServiceInstance) -> Bool
    ) {
        self.init(reason: { _ in "does not fit: \(description)" }, accepts)
    }

    private init(
        reason: @escaping @Sendable (ServiceInstance) -> String,
        _ accepts: @escaping @Sendable (ServiceInstance) -> Bool
    ) {
        self.accepts = accepts
        self.reason = reason
    }

    /// Whether the filter lets `instance` through.
    public func callAsFunction(_ instance: ServiceInstance) -> Bool {
        self.accepts(instance)
    }

    /// Why the filter does not let `instance` through; `nil` when it does.
    public func objection(to instance: ServiceInstance) -> String? {
        self.accepts(instance) ? nil : self.reason(instance)
    }

    /// Lets everything through.
    public static let any = InstanceFilter("any") { _ in true }

    /// Status `passing` and a weight above 0: the filter of those who name none.
    public static let passing = InstanceFilter(
        reason: { $0.status == .passing ? "drained: its weight is 0" : "its status is \($0.status.rawValue)" },
        { $0.status == .passing && $0.weight > 0 }
    )

    /// Listens on this machine: a loopback address, this machine's name, or metadata `hostname` with that name.
    public static let sameHost: InstanceFilter = {
        let hostName = ServiceInstance.localHostName
        let names = Set(["localhost", "127.0.0.1", "::1", hostName])
        return InstanceFilter("on this machine") { instance in
            instance.metadata["hostname"] == hostName || instance.endpoints.contains { names.contains($0.host) }
        }
    }()

    /// Runs in `zone`.
    public static func zone(_ zone: String) -> InstanceFilter {
        InstanceFilter("zone \(zone)") { $0.zone == zone }
    }

    /// Runs a version in `range`; an instance without a version does not.
    public static func version(_ range: VersionRange) -> InstanceFilter {
        InstanceFilter("version \(range)") { $0.version.map(range.contains) ?? false }
    }

    /// Carries every one of `tags`.
    public static func tags(_ tags: String...) -> InstanceFilter {
        InstanceFilter("tags \(tags.joined(separator: ", "))") { instance in tags.allSatisfy(instance.tags.contains) }
    }

    /// Carries metadata `key` with `value`.
    public static func metadata(_ key: String, _ value: String) -> InstanceFilter {
        InstanceFilter("metadata \(key)=\(value)") { $0.metadata[key] == value }
    }

    /// Both let it through.
    public static func && (lhs: InstanceFilter, rhs: InstanceFilter) -> InstanceFilter {
        InstanceFilter(reason: { lhs.objection(to: $0) ?? rhs.reason($0) }, { lhs($0) && rhs($0) })
    }

    /// At least one lets it through.
    public static func || (lhs: InstanceFilter, rhs: InstanceFilter) -> InstanceFilter {
        InstanceFilter(reason: { "\(lhs.reason($0)), and \(rhs.reason($0))" }, { lhs($0) || rhs($0) })
    }

    /// The filter does not let it through.
    public static prefix func ! (filter: InstanceFilter) -> InstanceFilter {
        InstanceFilter("not what is excluded") { !filter($0) }
    }
}

extension ServiceInstance {
    /// This machine's name, or `-` when it has none that can be told.
    public static let localHostName: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        let status = gethostname(&buffer, buffer.count - 1)
        let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return status == 0 && !name.isEmpty && !name.hasControlCharacter ? name : "-"
    }()

    /// What a registrar adds beneath the caller's metadata: `hostname`.
    public static var automaticMetadata: [String: String] { ["hostname": self.localHostName] }
}
