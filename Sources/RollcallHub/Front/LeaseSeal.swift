import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Makes an engine's lease token a secret that any hub with the same key takes, and nobody else can make.
struct LeaseSeal: Sendable {
    let key: SealingKey
    let namespace: Namespace

    /// The secret for a lease's holder.
    func secret(of token: LeaseToken) -> String {
        let sealed = self.key.seal(Array(token.secret.utf8), context: self.context(token.service, token.id))
        // The alphabet for URLs and file names (RFC 4648 section 5), which stands in a header as it is.
        return Data(sealed).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// The engine's token for what a holder shows.
    ///
    /// - Parameter shown: The token with the secret that a hub gave.
    /// - Returns: The token with the engine's secret.
    /// - Throws: `leaseLost` for what no hub with this key gave for this instance.
    func token(of shown: LeaseToken) throws(BackendError) -> LeaseToken {
        var text = shown.secret.replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let sealed = Data(base64Encoded: text),
            let opened = try? self.key.open(Array(sealed), context: self.context(shown.service, shown.id)),
            let secret = String(validating: opened, as: UTF8.self)
        else {
            throw BackendError(
                .leaseLost,
                "no hub with this hub's lease key gave this lease; register again",
                key: "\(shown.service)/\(shown.id)"
            )
        }
        return LeaseToken(service: shown.service, id: shown.id, secret: secret)
    }

    /// Whose lease it is: names hold no line feed.
    private func context(_ service: ServiceName, _ id: InstanceID) -> String {
        "rollcall.lease\n\(self.namespace)\n\(service)\n\(id)"
    }
}
