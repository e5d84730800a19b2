/// How a client speaks TLS: whom it trusts, and how it proves itself.
///
/// The server's certificate and name are always verified; TLS 1.2 is the oldest that is spoken. The files are read
/// again when they have changed, as a connection is made, so that renewed certificates need no restart.
public struct TLSConfiguration: Hashable, Sendable {
    /// What a client proves itself with.
    public struct ClientCertificate: Hashable, Sendable {
        /// The PEM file with the certificate, and after it those between it and its authority.
        public var certificateFile: String
        /// The PEM file with its key, without a passphrase; it may be the same file.
        public var keyFile: String

        /// Names the files.
        ///
        /// - Parameters:
        ///   - certificateFile: The PEM file with the certificate, and after it those between it and its authority.
        ///   - keyFile: The PEM file with its key, without a passphrase; it may be the same file.
        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// The PEM file with the authorities that are trusted; `nil` for those that the system trusts.
    public var caFile: String?
    /// What the client proves itself with, where servers want that.
    public var clientCertificate: ClientCertificate?
    /// The name that the server's certificate must be for; `nil` for the host that is connected to.
    public var serverName: String?

    /// Says how TLS is spoken.
    ///
    /// - Parameters:
    ///   - caFile: The PEM file with the authorities that are trusted; `nil` for those that the system trusts.
    ///   - clientCertificate: What the client proves itself with, where servers want that.
    ///   - serverName: The name that the server's certificate must be for; `nil` for the host that is connected to.
    public init(
        caFile: String? = nil,
        clientCertificate: ClientCertificate? = nil,
        serverName: String? = nil
    ) {
        self.caFile = caFile
        self.clientCertificate = clientCertificate
        self.serverName = serverName
    }
}
