import COpenSSL
import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What tells that a file was changed or replaced.
struct FileStamp: Hashable, Sendable {
    private let parts: [Int]

    /// Looks at a file; `nil` when there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Darwin)
        let changed = status.st_mtimespec
        #else
        let changed = status.st_mtim
        #endif
        self.parts = [
            Int(truncatingIfNeeded: status.st_dev), Int(truncatingIfNeeded: status.st_ino), Int(status.st_size),
            changed.tv_sec, changed.tv_nsec,
        ]
    }
}

/// The files of a configuration.
struct TLSFiles {
    private let configuration: TLSConfiguration

    /// Names the files of a configuration.
    init(_ configuration: TLSConfiguration) {
        self.configuration = configuration
    }

    /// How the files are now.
    var stamps: [FileStamp?] {
        let identity = self.configuration.clientCertificate
        return [self.configuration.caFile, identity?.certificateFile, identity?.keyFile].map {
            $0.flatMap(FileStamp.init)
        }
            + (self.configuration.caFile == nil ? Self.systemPaths.map(FileStamp.init) : [])
    }

    /// Reads them into a context of OpenSSL.
    ///
    /// - Parameter context: The context.
    /// - Throws: `untrusted` that names the file and what is wrong with it, and tells nothing of what is in it.
    func load(into context: OpaquePointer) throws(ConnectionError) {
        if let path = self.configuration.caFile {
            try Self.checkReadable(path, "caFile")
            guard SSL_CTX_load_verify_file(context, path) == 1 else {
                throw Self.error("caFile", path, "holds no PEM certificate that can be read: \(TLSFailure().text)")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw ConnectionError(.untrusted, "TLS: what the system trusts cannot be read", isLocal: true)
            }
        }
        guard let identity = self.configuration.clientCertificate else { return }
        try Self.checkReadable(identity.certificateFile, "certificateFile")
        try Self.checkReadable(identity.keyFile, "keyFile")
        guard SSL_CTX_use_certificate_chain_file(context, identity.certificateFile) == 1 else {
            let text = TLSFailure().text
            throw Self.error(
                "certificateFile",
                identity.certificateFile,
                "holds no PEM certificate that can be used: \(text)"
            )
        }
        if SSL_CTX_use_PrivateKey_file(context, identity.keyFile, SSL_FILETYPE_PEM) != 1 {
            throw Self.error("keyFile", identity.keyFile, Self.keyFailure(of: identity))
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw Self.error("keyFile", identity.keyFile, Self.mismatch(with: identity))
        }
    }

    private static func keyFailure(of identity: TLSConfiguration.ClientCertificate) -> String {
        // The first error of the queue is not always the most telling one.
        var texts: [String] = []
        while case let error = ERR_get_error(), error != 0 {
            if let text = ERR_reason_error_string(error) { texts.append(String(cString: text)) }
        }
        if texts.contains(where: { $0.contains("password") }) {
            return "is protected by a passphrase; take one that is not"
        }
        if texts.contains("key values mismatch") { return Self.mismatch(with: identity) }
        return "holds no PEM key that can be used: \(texts.first ?? "unknown reason")"
    }

    private static func mismatch(with identity: TLSConfiguration.ClientCertificate) -> String {
        "is not the key of the certificate in \(identity.certificateFile)"
    }

    /// Where OpenSSL looks for what the system trusts.
    private static let systemPaths: [String] = [
        (X509_get_default_cert_file_env(), X509_get_default_cert_file()),
        (X509_get_default_cert_dir_env(), X509_get_default_cert_dir()),
    ].compactMap { variable, path in
        if let variable, let named = getenv(variable) { return String(cString: named) }
        return path.map { String(cString: $0) }
    }

    private static func checkReadable(_ path: String, _ field: String) throws(ConnectionError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(field, SystemError(path).description) }
        close(descriptor)
    }

    private static func error(_ field: String, _ path: String, _ problem: String) -> ConnectionError {
        Self.error(field, "\(path) \(problem)")
    }

    private static func error(_ field: String, _ problem: String) -> ConnectionError {
        ConnectionError(.untrusted, "TLS: \(field) \(problem)", isLocal: true)
    }
}
