import Rollcall

extension ConsulBackend.Configuration {
    /// Reads what the variables of Consul's own program say of credentials and certificates.
    ///
    /// Certificates count for URLs by TLS alone, and turn no other into one.
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
        let (certificate, key) = (value("CONSUL_CLIENT_CERT"), value("CONSUL_CLIENT_KEY"))
        let tls = TLSConfiguration(
            caFile: value("CONSUL_CACERT"),
            // One without the other is told where it is used.
            clientCertificate: certificate == nil && key == nil
                ? nil : .init(certificateFile: certificate ?? "", keyFile: key ?? ""),
            serverName: value("CONSUL_TLS_SERVER_NAME")
        )
        if tls != TLSConfiguration() { self.environmentTLS = tls }
    }
}
