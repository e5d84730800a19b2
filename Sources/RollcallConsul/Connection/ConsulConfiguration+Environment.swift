import Rollcall

extension ConsulBackend.Configuration {
    /// Reads what the variables of Consul's own program say of credentials.
    ///
    /// - Parameter environment: The variables by name; empty ones count for nothing.
    package init(environment: [String: String]) {
        self.init()
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        self.credentials.token = value("CONSUL_HTTP_TOKEN")
        self.credentials.tokenFile = value("CONSUL_HTTP_TOKEN_FILE")
        if let pair = value("CONSUL_HTTP_AUTH") {
            let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            self.credentials.user = parts.first.map(String.init)
            self.credentials.password = parts.count == 2 ? parts.last.map(String.init) : nil
        }
        self.partition = value("CONSUL_PARTITION")
    }
}
