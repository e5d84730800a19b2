/// How a call ended (gRPC, `statuscodes.md`).
package struct GRPCStatus: Hashable, Sendable, CustomStringConvertible {
    /// Its number.
    package let code: Int

    /// Takes a number.
    package init(_ code: Int) {
        self.code = code
    }

    package static let ok = GRPCStatus(0)
    package static let cancelled = GRPCStatus(1)
    package static let unknown = GRPCStatus(2)
    package static let invalidArgument = GRPCStatus(3)
    package static let deadlineExceeded = GRPCStatus(4)
    package static let notFound = GRPCStatus(5)
    package static let alreadyExists = GRPCStatus(6)
    package static let permissionDenied = GRPCStatus(7)
    package static let resourceExhausted = GRPCStatus(8)
    package static let failedPrecondition = GRPCStatus(9)
    package static let aborted = GRPCStatus(10)
    package static let outOfRange = GRPCStatus(11)
    package static let unimplemented = GRPCStatus(12)
    package static let `internal` = GRPCStatus(13)
    package static let unavailable = GRPCStatus(14)
    package static let dataLoss = GRPCStatus(15)
    package static let unauthenticated = GRPCStatus(16)

    /// What a status of HTTP means where no status of gRPC came (gRPC, `http-grpc-status-mapping.md`).
    static func of(http status: Int) -> GRPCStatus {
        switch status {
        case 400: .internal
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .unimplemented
        case 429, 502, 503, 504: .unavailable
        default: .unknown
        }
    }

    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
        "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]

    /// Its name.
    package var description: String {
        Self.names.indices.contains(self.code) ? Self.names[self.code] : "status \(self.code)"
    }
}

/// Why a call failed.
package struct GRPCError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How the call ended.
    package var status: GRPCStatus
    /// What the server said, or what happened here.
    package var message: String
    /// Whether this side says so, and not the server.
    package var isLocal: Bool
    /// Whether the server may have carried it out.
    package var mayBeApplied: Bool

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - status: How the call ended.
    ///   - message: What happened.
    ///   - isLocal: Whether this side says so.
    ///   - mayBeApplied: Whether the server may have carried it out.
    package init(_ status: GRPCStatus, _ message: String, isLocal: Bool = false, mayBeApplied: Bool = false) {
        self.status = status
        self.message = message
        self.isLocal = isLocal
        self.mayBeApplied = mayBeApplied
    }

    /// The text form.
    package var description: String { "\(self.status): \(self.message)" }
}
