package import Rollcall

/// Why a request is not answered as it wished: `application/problem+json` (RFC 9457) with a stable code.
package struct Problem: Error, Hashable, Sendable {
    /// The status of the answer.
    package var status: Int
    /// A code of ``BackendError``, the same for the same cause everywhere.
    package var code: String
    /// What happened and what would help.
    package var detail: String
    /// The field of the request at fault.
    package var field: String?
    /// With `conflict`, the revision that is stored.
    package var currentRevision: String?
    /// With `tooLarge`, the limit that was exceeded.
    package var limit: Int?
    /// Whether nobody can tell if the operation was carried out.
    package var mayBeApplied = false
    /// Further header fields of the answer.
    package var headers: [Header] = []

    /// A header field of an answer.
    package struct Header: Hashable, Sendable {
        /// Its name.
        package let name: String
        /// Its value.
        package let value: String

        /// Creates a field.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Creates a problem.
    package init(status: Int, code: BackendError.Code, _ detail: String, field: String? = nil, headers: [Header] = []) {
        self.status = status
        self.code = code.description
        self.detail = detail
        self.field = field
        self.headers = headers
    }

    /// Creates the problem that a broken rule of the model is.
    package init(_ error: ValidationError) {
        self.init(status: 400, code: .invalidArgument, error.description, field: error.field)
    }

    /// Creates the problem that a broken rule of HTTP is.
    package init(_ error: MessageError) {
        self.init(
            status: error.status,
            code: error.status == 413 ? .tooLarge : error.status == 501 ? .unsupported : .invalidArgument,
            error.description
        )
    }

    /// Creates the problem that a failed operation is.
    package init(_ error: BackendError) {
        let field = (error.cause as? ValidationError)?.field
        self.init(status: Self.status(of: error.code), code: error.code, error.message, field: field)
        self.currentRevision = error.currentRevision
        self.limit = error.limit
        self.mayBeApplied = error.applied == .unknown
    }

    /// The problem as JSON.
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("type")
            writer.string("about:blank")
            writer.key("title")
            writer.string(ResponseHead.reason(of: self.status))
            writer.key("status")
            writer.integer(self.status)
            writer.key("code")
            writer.string(self.code)
            writer.key("detail")
            writer.string(self.detail)
            if let field = self.field, !field.isEmpty {
                writer.key("field")
                writer.string(field)
            }
            if let currentRevision = self.currentRevision {
                writer.key("currentRevision")
                writer.string(currentRevision)
            }
            if let limit = self.limit {
                writer.key("limit")
                writer.integer(limit)
            }
            if self.mayBeApplied {
                writer.key("applied")
                writer.string("unknown")
            }
        }
        return writer.bytes
    }

    /// The status that stands for a code; drivers read it back by the code, not by the status.
    package static func status(of code: BackendError.Code) -> Int {
        switch code {
        case .invalidArgument: 400
        case .unauthenticated: 401
        case .permissionDenied: 403
        case .notFound, .leaseLost: 404
        case .conflict, .displaced, .removed: 409
        case .tooLarge: 413
        case .unsupported: 501
        case .unavailable, .closed, .notRunning: 503
        case .timeout: 504
        default: 500
        }
    }
}
