package import Rollcall

/// What the program needs from drivers and clients that it does not hold itself.
package struct ProgramServices: Sendable {
    /// The kinds of backend, by the scheme of their URLs, for those who ask with these settings.
    package var backends: @Sendable (BackendSettings) -> [String: RollcallClient.BackendOpener]
    /// Whether a GET of a URL is answered by a status from 200 to 299 now; `nil` where there is no HTTP client.
    package var checkHTTP: (@Sendable (String) async -> Bool)?
    /// Whether something takes connections at a port of an IPv4 address of this machine.
    package var answersAt: @Sendable (_ address: String, _ port: UInt16) async -> Bool
    /// What measures time.
    package var clock: TimeSource

    /// Creates services; by default those that need no driver.
    package init(
        backends: @escaping @Sendable (BackendSettings) -> [String: RollcallClient.BackendOpener] = { _ in
            RollcallClient.builtInBackends
        },
        checkHTTP: (@Sendable (String) async -> Bool)? = nil,
        answersAt: @escaping @Sendable (_ address: String, _ port: UInt16) async -> Bool = LocalPort.answers,
        clock: TimeSource = TimeSource()
    ) {
        self.backends = backends
        self.checkHTTP = checkHTTP
        self.answersAt = answersAt
        self.clock = clock
    }
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
