import Rollcall

extension EtcdBackend {
    /// Where records stand in etcd and how they are written.
    public enum Layout: Hashable, Sendable {
        /// Rollcall's own: `/rollcall/<namespace>/services/<service>/<id>` and beside it `config` and `locks`.
        case rollcall
        /// That of go-service-link: `/services/<service>/<id>`, and configuration under keys as they are.
        ///
        /// It knows no namespaces.
        case goServiceLink
        /// That of discox: `<prefix>/<service>/<endpoint>`. Ids are endpoints, and there is no configuration.
        ///
        /// Namespaces are what the prefix makes of them.
        case discox(prefix: String)
        /// That of etcd's naming for gRPC: `<prefix><service>/<id>`, in which the prefix is mostly empty.
        case grpcNaming(prefix: String)

        /// Finds a layout by its name on the command line and in URLs.
        ///
        /// - Parameters:
        ///   - name: `rollcall`, `goServiceLink`, `discox` or `grpc`.
        ///   - prefix: What stands before the keys of the last two.
        public init?(named name: String, prefix: String = "") {
            switch name {
            case "rollcall": self = .rollcall
            case "goServiceLink": self = .goServiceLink
            case "discox": self = .discox(prefix: prefix)
            case "grpc": self = .grpcNaming(prefix: prefix)
            default: return nil
            }
        }
    }
}

extension EtcdBackend.Layout {
    /// Whether it says itself what stands before the keys of instances; all else then stands where it always does.
    var hasPrefix: Bool {
        switch self {
        case .rollcall, .goServiceLink: false
        case .discox, .grpcNaming: true
        }
    }

    /// The same with another prefix, where it has one.
    func standing(under prefix: String?) -> Self {
        guard let prefix else { return self }
        return switch self {
        case .rollcall, .goServiceLink: self
        case .discox: .discox(prefix: prefix)
        case .grpcNaming: .grpcNaming(prefix: prefix)
        }
    }

    /// How instances are laid out.
    func instances(_ prefix: String, _ namespace: Namespace) -> any EtcdLayout {
        switch self {
        case .rollcall: RollcallEtcdLayout(prefix: prefix, namespace: namespace)
        case .goServiceLink: GoServiceLinkLayout()
        case .discox(let prefix): DiscoxLayout(prefix: prefix)
        case .grpcNaming(let prefix): GRPCNamingLayout(prefix: prefix)
        }
    }

    /// How configuration is laid out.
    func configuration(_ prefix: String, _ namespace: Namespace) -> any EtcdConfigLayout {
        switch self {
        case .rollcall, .discox, .grpcNaming: RollcallEtcdConfigLayout(prefix: prefix, namespace: namespace)
        case .goServiceLink: GoServiceLinkConfigLayout(own: prefix)
        }
    }
}
