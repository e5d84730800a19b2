/// What a server for tests proves itself with, and what it asks of its clients.
package struct ServerTLS: Hashable, Sendable {
    /// The file with its certificate.
    package var certificateFile: String
    /// The file with its key.
    package var keyFile: String
    /// The file with the authority that its clients must prove themselves by; `nil` when they need not.
    package var clientAuthorityFile: String?

    /// Names the files, all PEM.
    package init(certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientAuthorityFile = clientAuthorityFile
    }
}
