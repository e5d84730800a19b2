public import Rollcall

/// How a ``Gateway`` behaves.
public struct GatewayConfiguration: Sendable {
    /// A path that leads to a service whatever the service is called.
    public struct Route: Hashable, Sendable {
        /// The path that requests begin with, whole segments of it: `/shop` covers `/shop/cart`, not `/shopping`.
        public var path: String
        /// The service that gets them.
        public var service: ServiceName
        /// Whether the service sees the path as the client wrote it, instead of what stands behind ``path``.
        public var keepsPath: Bool

        /// Creates a route.
        public init(_ path: String, to service: ServiceName, keepsPath: Bool = false) {
            self.path = path
            self.service = service
            self.keepsPath = keepsPath
        }
    }

    /// What the first segment of a path means where no route covers the path.
    public enum FirstSegment: Hashable, Sendable {
        /// It names the service, which does not see it: `/web/a` is `/a` of `web`.
        case stripped
        /// It names the service, which sees it, too: `/web/a` is `/web/a` of `web`.
        case kept
        /// Nothing: only routes lead to services.
        case ignored
    }

    /// How many requests may be repeated.
    public struct RetryBudget: Hashable, Sendable {
        /// The share of all requests, from 0 to 1.
        public var share: Double
        /// How many a second there may be besides, so that few requests can be repeated, too.
        public var perSecond: Double

        /// Creates a budget; both count over the last ten seconds.
        public init(share: Double = 0.2, perSecond: Double = 10) {
            self.share = share
            self.perSecond = perSecond
        }
    }

    /// What a balancer that goes by keys is given.
    public enum BalancingKey: Hashable, Sendable {
        /// Nothing.
        case none
        /// The client's address.
        case clientAddress
        /// The value of a header field.
        case field(String)
    }

    /// The numeric address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 for one that is free.
    public var port = 20001
    /// The numeric address where the figures can be read, if ``metricsPort`` is set.
    public var metricsHost = "127.0.0.1"
    /// The port where `GET /metrics` answers with the figures; 0 for one that is free, `nil` for none.
    public var metricsPort: Int?
    /// Paths that lead to services, the longest first.
    public var routes: [Route] = []
    /// What the first segment means of a path that no route covers.
    public var firstSegment = FirstSegment.stripped
    /// The services that can be reached; `nil` for all.
    public var allowedServices: Set<ServiceName>?
    /// What a balancer that goes by keys is given.
    public var balancingKey = BalancingKey.none

    /// How long an instance may take until its response begins, counted from the end of the request's body.
    public var attemptTimeout = Duration.seconds(10)
    /// How long all attempts together may take until a response begins.
    public var totalTimeout = Duration.seconds(60)
    /// How long a connection to an instance may take to be made.
    public var connectTimeout = Duration.seconds(2)
    /// How long a body may stand still, either way.
    public var idleTimeout = Duration.seconds(60)
    /// How long a WebSocket may stand still.
    public var tunnelIdleTimeout = Duration.seconds(600)
    /// How long the first request for a service may wait for the registry.
    public var lookupTimeout = Duration.seconds(2)

    /// The most instances that one request is tried on.
    public var maximumAttempts = 3
    /// How many requests may be repeated.
    public var retryBudget = RetryBudget()
    /// After how many failed connects in a row an instance is left out for a while.
    public var ejectionThreshold = 3

    /// The most clients at once.
    public var maximumClients = 65536
    /// The most requests at once; further ones are answered with 503.
    public var maximumActiveRequests = 32768
    /// The greatest size of a request's head in bytes, at most 32768.
    public var maximumHeadBytes = 32768
    /// How long a client may take for a request's head.
    public var clientHeadTimeout = Duration.seconds(10)
    /// How long a client may rest between requests.
    public var clientIdleTimeout = Duration.seconds(75)
    /// Whether `X-Forwarded-Host` and `X-Forwarded-Proto` of clients are kept: only behind another proxy of your own.
    public var trustsForwardedFields = false

    /// Called after each request, on the thread that served it; it must not block.
    public var accessLog: (@Sendable (AccessRecord) -> Void)?
    /// Where the gateway says what happens.
    public var log = Log.silent

    /// Creates the usual configuration.
    public init() {}

    /// Checks what the types do not.
    func check() throws(ValidationError) {
        for route in self.routes {
            let segments = route.path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            guard route.path.hasPrefix("/"), !segments.contains(where: { ["", ".", ".."].contains($0) }),
                route.path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#\\".utf8.contains($0) })
            else {
                throw ValidationError(
                    field: "routes",
                    message: "\(route.path.quotedForDisplay) must be a path such as /shop, without '/' at its end"
                )
            }
        }
        guard Set(self.routes.map(\.path)).count == self.routes.count else {
            throw ValidationError(field: "routes", message: "a path stands there twice")
        }
        for (field, duration) in [
            ("attemptTimeout", self.attemptTimeout), ("totalTimeout", self.totalTimeout),
            ("connectTimeout", self.connectTimeout), ("idleTimeout", self.idleTimeout),
            ("tunnelIdleTimeout", self.tunnelIdleTimeout), ("clientHeadTimeout", self.clientHeadTimeout),
            ("clientIdleTimeout", self.clientIdleTimeout),
        ] where duration <= .zero {
            throw ValidationError(field: field, message: "must be above zero")
        }
        guard (0...1).contains(self.retryBudget.share), self.retryBudget.perSecond >= 0 else {
            throw ValidationError(
                field: "retryBudget",
                message: "the share is from 0 to 1, the number a second not below 0"
            )
        }
        guard self.maximumAttempts >= 1 else {
            throw ValidationError(field: "maximumAttempts", message: "must be at least 1")
        }
    }
}
