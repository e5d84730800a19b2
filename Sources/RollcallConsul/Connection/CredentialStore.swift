import HTTPEngine
import Rollcall
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The header fields that say who the driver is; a token's file is read anew now and then.
final class CredentialStore: Sendable {
    private struct Copy {
        var token: String?
        var readAt: TimeSource.Instant?
    }

    /// How long what was read from the file is used.
    private static let trust = Duration.seconds(10)
    /// The most bytes of the file: a token is an UUID.
    private static let maximumBytes = 4096

    private let credentials: ConsulBackend.Credentials
    private let clock: TimeSource
    private let copy = Mutex(Copy())

    /// Creates a store.
    init(_ credentials: ConsulBackend.Credentials, clock: TimeSource) {
        self.credentials = credentials
        self.clock = clock
    }

    /// The fields.
    ///
    /// - Returns: None for no credentials.
    /// - Throws: `unauthenticated` when the token's file cannot be read, with its name alone.
    func fields() throws(BackendError) -> [Problem.Header] {
        var fields: [Problem.Header] = []
        if let token = try self.token() { fields.append(Problem.Header("X-Consul-Token", token)) }
        if let user = self.credentials.user {
            let pair = Data("\(user):\(self.credentials.password ?? "")".utf8).base64EncodedString()
            fields.append(Problem.Header("Authorization", "Basic \(pair)"))
        }
        return fields
    }

    /// Has the file read anew: what stood in it was refused.
    func distrust() { self.copy.withLock { $0 = Copy() } }

    private func token() throws(BackendError) -> String? {
        if let token = self.credentials.token, !token.isEmpty { return try Self.checked(token, "the token") }
        guard let file = self.credentials.tokenFile, !file.isEmpty else { return nil }
        let now = self.clock.now
        let copy = self.copy.withLock { $0 }
        if let known = copy.token, let readAt = copy.readAt, readAt.duration(to: now) < Self.trust { return known }
        do throws(BackendError) {
            let token = try Self.read(file)
            self.copy.withLock { $0 = Copy(token: token, readAt: now) }
            return token
        } catch {
            // The file may be being written; what stood in it was good when it was used last.
            guard let known = copy.token else { throw error }
            return known
        }
    }

    private static func read(_ file: String) throws(BackendError) -> String {
        let place = "the token file \(file.quotedForDisplay)"
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: file))
        } catch {
            // The system's words name the file and nothing of its content.
            throw BackendError(.unauthenticated, "cannot read \(place)", backend: ConsulBackend.name, cause: error)
        }
        guard data.count <= self.maximumBytes, let text = String(validating: Array(data), as: UTF8.self) else {
            throw BackendError(.unauthenticated, "\(place) holds no token", backend: ConsulBackend.name)
        }
        return try self.checked(Self.trimmed(text), place)
    }

    /// The text without the white space around it.
    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// What may stand in a header field.
    private static func checked(_ token: String, _ place: String) throws(BackendError) -> String {
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw BackendError(
                .unauthenticated,
                "\(place) is empty or has something else than visible ASCII in it",
                backend: ConsulBackend.name
            )
        }
        return token
    }
}
