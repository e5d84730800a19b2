import HTTPEngine
import Rollcall

/// How the fields around a response are read.
enum GRPCResponse {
    /// Checks the head of a response.
    ///
    /// - Throws: A ``GRPCError`` for what is no response of gRPC, or one that ends with its head and is no success.
    static func check(head: [HTTP2Field]) throws(GRPCError) {
        guard head.first("grpc-status") == nil else { return try self.check(trailers: head) }
        let status = head.first(":status").flatMap { Int($0) } ?? 0
        let type = head.first("content-type") ?? ""
        guard status == 200, type.hasPrefix("application/grpc") else {
            let known = status == 200 ? GRPCStatus.unknown : GRPCStatus.of(http: status)
            throw GRPCError(
                known,
                "the answer has the HTTP status \(status) and the type \(type.quotedForDisplay): that is no server of gRPC",
                isLocal: true,
                mayBeApplied: true
            )
        }
    }

    /// Checks the fields behind a response.
    ///
    /// - Throws: A ``GRPCError`` for what is no success.
    static func check(trailers: [HTTP2Field]) throws(GRPCError) {
        guard let code = trailers.first("grpc-status").flatMap({ Int($0) }) else {
            throw GRPCError(.unknown, "the answer ends without a status", isLocal: true, mayBeApplied: true)
        }
        guard code != 0 else { return }
        throw GRPCError(GRPCStatus(code), self.message(trailers.first("grpc-message") ?? ""), mayBeApplied: true)
    }

    /// The text of a field, which is percent-encoded; what is wrongly encoded stays as it is.
    private static func message(_ text: String) -> String {
        (try? PercentEncoding.decode(text[...], field: "grpc-message")) ?? text
    }
}

extension GRPCError {
    /// What a broken connection means to a call.
    init(_ error: ConnectionError) {
        switch error.kind {
        case .refused: self.init(.unavailable, error.message, isLocal: true)
        case .timeout: self.init(.deadlineExceeded, error.message, isLocal: true, mayBeApplied: true)
        case .closed: self.init(.cancelled, error.message, isLocal: true, mayBeApplied: true)
        case .broken: self.init(.unavailable, error.message, isLocal: true, mayBeApplied: true)
        case .untrusted: self.init(.unauthenticated, error.message, isLocal: true)
        case .malformed: self.init(.internal, error.message, isLocal: true, mayBeApplied: true)
        }
    }
}
