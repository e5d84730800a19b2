/// Which services an observation covers: one, those with a prefix, or all.
///
/// As text: `web` is one service, `team-*` those that begin with `team-`, `*` all.
public struct ServicePattern: Hashable, Sendable {
    private enum Shape: Hashable {
        case exact(ServiceName)
        case prefix(String)
    }

    private let shape: Shape

    /// Every service.
    public static var all: Self { Self(shape: .prefix("")) }

    /// Exactly `service`.
    public static func exact(_ service: ServiceName) -> Self { Self(shape: .exact(service)) }

    private init(shape: Shape) {
        self.shape = shape
    }

    /// Reads a pattern from text.
    ///
    /// - Parameter text: A service's name, or a beginning of names followed by `*`.
    /// - Throws: A ``ValidationError`` when what stands before the `*` cannot begin a name, or `*` stands elsewhere.
    public init(_ text: some StringProtocol) throws(ValidationError) {
        guard text.last == "*" else {
            self.shape = .exact(try ServiceName(text))
            return
        }
        let prefix = text.dropLast()
        self.shape = .prefix(prefix.isEmpty ? "" : try ServiceName(String(prefix)).text)
    }

    /// The one service that the pattern names, or `nil` when it may cover several.
    public var service: ServiceName? {
        if case .exact(let service) = self.shape { service } else { nil }
    }

    /// Whether the pattern covers `service`, compared byte for byte.
    public func matches(_ service: ServiceName) -> Bool {
        switch self.shape {
        case .exact(let name): name == service
        case .prefix(let prefix): service.text.utf8.starts(with: prefix.utf8)
        }
    }
}

extension ServicePattern: CustomStringConvertible {
    /// The text form.
    public var description: String {
        switch self.shape {
        case .exact(let service): service.text
        case .prefix(let prefix): prefix + "*"
        }
    }
}
