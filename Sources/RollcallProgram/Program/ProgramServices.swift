package import Rollcall

/// What the program needs from drivers and clients that it does not hold itself.
package struct ProgramServices: Sendable {
    /// The kinds of backend, by the scheme of their URLs, for those who ask with these settings.
    package var backends: @Sendable (BackendSettings) -> [String: RollcallClient.BackendOpener]
    /// Why a GET of a URL is not answered by a status from 200 to 299 now, or `nil` when it is; there is none where
    /// there is no HTTP client.
    package var checkHTTP: (@Sendable (CheckURL) async -> String?)?
    /// Whether something takes connections at a port of an IPv4 address of this machine.
    package var answersAt: @Sendable (_ address: String, _ port: UInt16) async -> Bool
    /// What measures time.
    package var clock: TimeSource

    /// Creates services; by default those that need no driver.
    package init(
        backends: @escaping @Sendable (BackendSettings) -> [String: RollcallClient.BackendOpener] = { _ in
            RollcallClient.builtInBackends
        },
        checkHTTP: (@Sendable (CheckURL) async -> String?)? = nil,
        answersAt: @escaping @Sendable (_ address: String, _ port: UInt16) async -> Bool = LocalPort.answers,
        clock: TimeSource = TimeSource()
    ) {
        self.backends = backends
        self.checkHTTP = checkHTTP
        self.answersAt = answersAt
        self.clock = clock
    }
}

/// What is asked for a check over HTTP.
package struct CheckURL: Hashable, Sendable {
    /// Whom to ask.
    package let endpoint: Endpoint
    /// The path, and the query if there is one.
    package let target: String

    /// Reads a URL.
    ///
    /// - Throws: A `ValidationError` for what is none, or is not asked without TLS.
    package init(_ text: String) throws(ValidationError) {
        let mark = text.firstIndex(of: "?") ?? text.endIndex
        self.endpoint = try Endpoint(text[..<mark])
        guard self.endpoint.scheme == "http" else {
            let reason = self.endpoint.scheme == "https" ? "this program has no TLS" : "only http is asked"
            throw ValidationError(
                field: "",
                message: "\(text.quotedForDisplay) is no URL such as http://127.0.0.1:8080/health; \(reason)"
            )
        }
        self.target = (self.endpoint.path.isEmpty ? "/" : self.endpoint.path) + text[mark...]
    }

    /// The URL as it is asked.
    package var text: String { "http://\(self.endpoint.authority)\(self.target)" }
}

/// What somebody says about a backend beside its URL and the namespace.
package struct BackendSettings: Sendable {
    /// What proves who asks.
    ///
    /// Never to be shown.
    package var token: String?
    /// How records are laid out, by the name of the layout.
    package var layout: String?
    /// Where drivers say what happens.
    package var log: Log

    /// Creates settings.
    package init(token: String? = nil, layout: String? = nil, log: Log = .silent) {
        self.token = token
        self.layout = layout
        self.log = log
    }
}
