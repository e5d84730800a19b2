public import Rollcall

extension ProbeConfiguration.Kind {
    /// The key of an instance's metadata that says how the instance is to be checked, in the form of ``text``.
    public static let metadataKey = "rollcall.check"

    /// Reads `auto`, `tcp`, `http`, `http:/health`, `grpc`, `grpc:shop.Cart` or `none`.
    ///
    /// - Parameter text: What to read.
    /// - Throws: A ``Rollcall/ValidationError`` for anything else.
    public init(text: String) throws(ValidationError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first ?? "", parts.count > 1 ? String(parts[1]) : nil) {
        case ("auto", nil): self = .automatic
        case ("tcp", nil): self = .tcp
        case ("none", nil): self = .none
        case ("http", let path): self = .http(path: path ?? "/")
        case ("grpc", let service): self = .grpc(service: service ?? "")
        default:
            throw ValidationError(
                field: "check",
                message: "\(text.quotedForDisplay) is none of auto, tcp, http:/path, grpc:service and none"
            )
        }
        try ProbeConfiguration.check(kind: self)
    }

    /// The kind as instances write it in their metadata.
    public var text: String {
        switch self {
        case .automatic: "auto"
        case .tcp: "tcp"
        case .http(let path): "http:\(path)"
        case .grpc(let service): service.isEmpty ? "grpc" : "grpc:\(service)"
        case .none: "none"
        }
    }
}
