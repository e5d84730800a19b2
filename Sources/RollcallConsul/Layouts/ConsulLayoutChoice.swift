import Rollcall

extension ConsulBackend {
    /// Where records stand in Consul and how they are written.
    public enum Layout: String, Hashable, Sendable, CaseIterable {
        /// Rollcall's own.
        case rollcall
        /// That of go-service-link: services and ids as they are, and configuration under keys as they are.
        ///
        /// It knows no namespaces.
        case goServiceLink
        /// That of discox: ids `<service>_<host>`, and a check by HTTP that the agent makes.
        ///
        /// It knows no namespaces, and has no configuration: that stands as in ``rollcall``.
        case discox
    }
}

extension ConsulBackend.Configuration {
    /// How instances are laid out.
    ///
    /// - Parameter namespace: The namespace as it stands in names; `nil` where it does not.
    /// - Returns: The layout.
    func instanceLayout(_ namespace: Namespace?) -> any ConsulLayout {
        switch self.layout {
        case .rollcall: RollcallConsulLayout(namespace: namespace, deregisterAfter: self.deregisterAfter)
        case .goServiceLink: GoServiceLinkLayout()
        case .discox: DiscoxLayout(deregisterAfter: self.deregisterAfter)
        }
    }

    /// How configuration is laid out.
    ///
    /// - Parameter keyRoot: What all keys of a namespace begin with in Rollcall's own.
    /// - Returns: The layout.
    func configLayout(_ keyRoot: String) -> ConsulConfigLayout {
        switch self.layout {
        case .rollcall, .discox: .rollcall(root: keyRoot + "config/")
        case .goServiceLink: .goServiceLink(own: self.prefix + "/")
        }
    }
}
