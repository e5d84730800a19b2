import HTTPEngine
import Rollcall

/// What Consul's answers and broken connections mean to a caller: pure.
///
/// Consul's errors are plain texts; the status comes first, and the text where versions differ in the status.
enum ConsulFault {
    /// The most of a text that an error shows.
    private static let maximumText = 300
    /// What every anonymous caller is called by.
    private static let anonymous = "00000000-0000-0000-0000-000000000002"

    /// What a broken connection means.
    ///
    /// - Parameters:
    ///   - error: How it broke.
    ///   - mayHaveArrived: Whether the request changes something that may have been changed by then.
    /// - Returns: The error.
    static func error(of error: ConnectionError, mayHaveArrived: Bool) -> BackendError {
        let applied: BackendError.Applied = mayHaveArrived ? .unknown : .no
        guard !Task.isCancelled else {
            return BackendError(.cancelled, "the task was cancelled", applied: applied)
        }
        return switch error.kind {
        case .refused: BackendError(.unavailable, error.message)
        case .timeout: BackendError(.timeout, error.message, applied: applied)
        case .closed, .broken: BackendError(.unavailable, error.message, applied: applied)
        case .malformed: BackendError(.protocolViolation, error.message, applied: applied)
        case .untrusted: BackendError(.unauthenticated, error.message)
        }
    }

    /// What an answer means that is none of success.
    ///
    /// - Parameters:
    ///   - status: Its status.
    ///   - body: Its body.
    ///   - retryAfter: What the field of that name says.
    ///   - mayBeApplied: Whether the request changes something.
    /// - Returns: The error.
    static func error(
        status: Int,
        body: [UInt8],
        retryAfter: String? = nil,
        mayBeApplied: Bool
    ) -> BackendError {
        let text = self.text(of: body)
        let told = text.isEmpty ? "the answer has status \(status)" : "status \(status): \(text)"
        var error = BackendError(self.code(status, text), told)
        if error.code == .unavailable {
            error.retryAfter = self.pause(retryAfter, status)
            // Consul says so before it does anything; everything else may come after.
            let isBefore = status == 429 || text.contains("No cluster leader") || text.contains("rate limit")
            if mayBeApplied, !isBefore { error.applied = .unknown }
        }
        return error
    }

    private static func code(_ status: Int, _ text: String) -> BackendError.Code {
        // A server that another one asks answers with its words and the status 500.
        if text.contains("ACL not found") || text.contains("ACL token not found") { return .unauthenticated }
        if text.contains("Permission denied") { return self.isAnonymous(text) ? .unauthenticated : .permissionDenied }
        return switch status {
        case 400: .invalidArgument
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .notFound
        case 409: .conflict
        case 413: .tooLarge
        case 429, 502, 503, 504: .unavailable
        case 500: self.code(of: text)
        default: .protocolViolation
        }
    }

    private static func code(of text: String) -> BackendError.Code {
        // Older versions have no status of their own for these.
        let unknown = ["Unknown check", "does not have associated TTL", "Unknown service"]
        if unknown.contains(where: { text.contains($0) }) { return .notFound }
        if text.contains("invalid session") { return .leaseLost }
        if text.contains("Invalid Session TTL") { return .invalidArgument }
        return .unavailable
    }

    private static func isAnonymous(_ text: String) -> Bool {
        text.contains(self.anonymous) || text.contains("anonymous token")
    }

    private static func pause(_ retryAfter: String?, _ status: Int) -> Duration? {
        if let seconds = retryAfter.flatMap({ Int($0) }), (0...3600).contains(seconds) { return .seconds(seconds) }
        return status == 429 ? .seconds(1) : nil
    }

    /// The text of an answer, fit for a message.
    static func text(of body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(self.maximumText), as: UTF8.self)
        let line = text.prefix { !$0.isNewline }
        return String(line.unicodeScalars.filter { $0.properties.generalCategory != .control })
    }
}
