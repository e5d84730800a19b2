import COpenSSL
import Rollcall

/// Why OpenSSL cannot go on.
struct TLSFailure: Error, Hashable {
    /// What kind of failure it is, by the number of the TLS library; 0 for one of another part of OpenSSL.
    let reason: Int32
    /// What was wrong with the server's certificate; 0 for nothing.
    let verification: Int
    /// Whether the server asked the client for a certificate.
    let wantsCertificate: Bool
    /// OpenSSL's own words.
    let text: String

    /// Takes the first error of this thread's queue, and empties that.
    ///
    /// - Parameters:
    ///   - verification: What was wrong with the server's certificate.
    ///   - wantsCertificate: Whether the server asked the client for a certificate.
    init(verification: Int = 0, wantsCertificate: Bool = false) {
        let error = ERR_get_error()
        self.reason = copenssl_reason(error)
        self.verification = verification
        self.wantsCertificate = wantsCertificate
        self.text = ERR_reason_error_string(error).map { String(cString: $0) } ?? "an error without a reason"
        ERR_clear_error()
    }
}

/// Whom a connection goes to and by what settings, to say what a failure means there.
struct TLSPeer: Sendable {
    /// Where it goes.
    let origin: Origin
    /// By what settings.
    let configuration: TLSConfiguration

    /// The name that its certificate must be for.
    var name: String {
        let name = self.configuration.serverName ?? self.origin.host
        // A name may end in a dot, which no certificate does.
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    /// What a failure means.
    ///
    /// - Parameters:
    ///   - failure: The failure.
    ///   - isHandshake: Whether the connection was still being made.
    /// - Returns: The error.
    func error(_ failure: TLSFailure, isHandshake: Bool) -> ConnectionError {
        if failure.reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            return self.error(.untrusted, Self.meaning(of: failure.verification, for: self))
        }
        if let alert = Self.alerts[failure.reason] { return self.error(.untrusted, self.meaning(of: alert)) }
        switch failure.reason {
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE where failure.wantsCertificate:
            // Servers with TLS 1.2 say no more than that.
            return self.error(.untrusted, self.meaning(of: "it is not taken"))
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_UNSUPPORTED_PROTOCOL:
            return self.error(.malformed, "the server speaks no TLS 1.2 or newer")
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_BAD_RECORD_TYPE:
            let message = isHandshake ? "what answers there does not speak TLS" : "what came is no TLS"
            return self.error(.malformed, message)
        case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
            return self.error(.malformed, "the server speaks none of the protocols that are offered")
        default:
            return self.error(isHandshake ? .malformed : .broken, failure.text)
        }
    }

    /// An error of this connection.
    func error(_ kind: ConnectionError.Kind, _ message: String) -> ConnectionError {
        ConnectionError(kind, "TLS to \(self.origin): \(message)")
    }

    private static func meaning(of verification: Int, for peer: TLSPeer) -> String {
        switch Int32(truncatingIfNeeded: verification) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return "the server's certificate has expired"
        case X509_V_ERR_CERT_NOT_YET_VALID: return "the server's certificate is not valid yet"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the server's certificate is not for \(peer.name.quotedForDisplay)"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            let trusted = peer.configuration.caFile.map { "in \($0)" } ?? "that the system trusts"
            return "the server's certificate comes from no authority \(trusted)"
        default:
            let text = X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? "unknown reason"
            return "the server's certificate cannot be trusted: \(text)"
        }
    }

    /// What servers say when they do not take a client for who it says it is, and what that means.
    private static let alerts: [Int32: String] = [
        SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants one",
        SSL_R_SSLV3_ALERT_BAD_CERTIFICATE: "it is bad, or missing",
        SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: "it is of a kind that is not taken",
        SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED: "it was revoked",
        SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it has expired",
        SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "it is not taken",
        SSL_R_TLSV1_ALERT_UNKNOWN_CA: "it comes from an authority that the server does not trust",
        SSL_R_TLSV1_ALERT_ACCESS_DENIED: "it gives no access",
    ]

    private func meaning(of alert: String) -> String {
        guard let certificate = self.configuration.clientCertificate else {
            return "the server wants a client certificate, and none is configured"
        }
        return "the server refuses the client certificate of \(certificate.certificateFile): \(alert)"
    }
}
