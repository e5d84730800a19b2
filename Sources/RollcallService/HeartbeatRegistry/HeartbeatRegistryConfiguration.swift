public import Rollcall

/// Where a heart-beat registry is and how to deal with it.
public struct HeartbeatRegistryConfiguration: Sendable {
    /// The name or address of the registry.
    public var host: String
    /// Its port.
    public var port: Int
    /// Numeric addresses beside the registry's own from which pushes are taken, such as that of a proxy.
    public var trustedSenders: Set<String>
    /// How long no heart-beat may come before the registry is taken to have forgotten the service.
    ///
    /// It must exceed the registry's own period with the time that its checks take.
    public var silence: Duration
    /// How long one call to the registry may take.
    public var callTimeout: Duration
    /// What measures time.
    public var clock: TimeSource
    /// Where it says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - host: This machine by default.
    ///   - port: 20000 by default.
    ///   - trustedSenders: None by default.
    ///   - silence: 75 s by default: two periods of a registry that checks each 30 s, and half of one.
    ///   - callTimeout: 5 s by default.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        host: String = "127.0.0.1",
        port: Int = 20000,
        trustedSenders: Set<String> = [],
        silence: Duration = .seconds(75),
        callTimeout: Duration = .seconds(5),
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.host = host
        self.port = port
        self.trustedSenders = trustedSenders
        self.silence = silence
        self.callTimeout = callTimeout
        self.clock = clock
        self.log = log
    }
}
