import HTTPEngine
import Rollcall

/// One request on its way: what was tried, and what became of it.
struct ProxiedRequest {
    /// The request and its client.
    let exchange: HTTPExchange
    /// The loop that serves it.
    let loop: GatewayLoop
    /// What all requests share.
    let proxy: Proxy
    /// When it was read.
    let began: TimeSource.Instant
    /// Where it leads.
    var match: RouteMatch?
    /// The instance that was tried last, with this loop's connections to it.
    var lane: Lane?
    /// How many instances were tried.
    var attempts = 0
    /// The status of the answer; 0 before there is one.
    var status = 0
    /// How many bytes of the answer's body were forwarded.
    var bytes = 0
    /// The request's body on its way.
    var body: RequestBody
    /// Until when the answer must begin.
    var deadline: TimeSource.Instant
    /// How much was moved since the loop was left to others.
    var movedAtOnce = 0

    /// Takes a request up.
    init(_ exchange: HTTPExchange, on loop: GatewayLoop, of proxy: Proxy) {
        self.exchange = exchange
        self.loop = loop
        self.proxy = proxy
        self.began = proxy.clock.now
        self.body = RequestBody(exchange)
        self.deadline = self.began
    }

    /// How an attempt ended that forwarded nothing of an answer.
    struct Failure: Error {
        /// What went wrong.
        enum Kind {
            /// There was no connection, so that nothing was sent.
            case unreachable
            /// The connection broke before a byte of an answer.
            case broken
            /// The same, on one that had rested: the instance had closed it, most likely.
            case stale
            /// No answer came in time.
            case late
            /// What came is no answer.
            case malformed
        }

        /// What went wrong.
        let kind: Kind
        /// In whose words.
        let error: ConnectionError

        /// The answer to the client, if nothing else is tried.
        var problem: Problem {
            switch self.kind {
            case .late: Problem(status: 504, code: .timeout, "the service did not answer in time")
            case .unreachable: Problem(status: 502, code: .unavailable, "the service cannot be reached")
            case .malformed: Problem(status: 502, code: .protocolViolation, "the service's answer is not HTTP/1.1")
            case .broken, .stale: Problem(status: 502, code: .unavailable, "the service broke off without an answer")
            }
        }
    }

    /// Forwards the request to an instance, or to another one where that is safe, and the answer to the client.
    ///
    /// - Throws: A ``Problem`` for the client; a ``ConnectionError`` when its connection can be used no further.
    mutating func forward(to service: LoopService) async throws {
        let deadline = self.began.advanced(by: self.proxy.configuration.totalTimeout)
        var tried: [InstanceID] = []
        while true {
            let lane = try await self.choose(of: service, tried: tried)
            self.lane = lane
            self.attempts += 1
            guard let failure = try await self.attempt(on: lane, until: deadline) else { return }
            tried.append(lane.upstream.id)
            guard self.mayRepeat(after: failure), self.attempts < self.proxy.configuration.maximumAttempts,
                self.proxy.clock.now < deadline,
                self.choose(otherThan: tried, of: service) != nil
            else { throw failure.problem }
            try self.takeToken()
        }
    }

    /// Tries an instance, and once more on a fresh connection where the instance had closed the one that rested.
    ///
    /// - Returns: How it failed; `nil` when the client has its answer.
    private mutating func attempt(on lane: Lane, until total: TimeSource.Instant) async throws -> Failure? {
        let now = self.proxy.clock.now
        let deadline = min(total, now.advanced(by: self.proxy.configuration.attemptTimeout))
        do throws(AttemptError) {
            if let socket = lane.pool.takeResting(at: now) {
                do throws(AttemptError) {
                    try await self.perform(on: socket, of: lane, isReused: true, until: deadline)
                    return nil
                } catch .failed(let failure) where failure.kind == .stale && self.mayRepeat(after: failure) {
                    self.loop.counters.add(.retries)
                }
            }
            try await self.perform(on: self.connect(lane, until: deadline), of: lane, isReused: false, until: deadline)
            return nil
        } catch {
            switch error {
            case .failed(let failure): return failure
            case .ended(let error): throw error
            }
        }
    }

    private func connect(_ lane: Lane, until deadline: TimeSource.Instant) async throws(AttemptError) -> Socket {
        let limit = self.proxy.clock.now.advanced(by: self.proxy.configuration.connectTimeout)
        do throws(ConnectionError) {
            let socket = try await lane.pool.connect(until: min(limit, deadline))
            self.loop.counters.add(.connects)
            return socket
        } catch {
            guard error.kind != .closed else { throw .ended(error) }
            self.loop.counters.add(.connectFailures)
            // The client does not learn why: that would tell strangers the instance's address.
            let failure = "\(lane.upstream.id) at \(lane.upstream.origin) cannot be reached: \(error)"
            self.proxy.configuration.log(.debug, failure)
            if let duration = lane.upstream.noteFailure(at: self.proxy.clock.now) {
                self.loop.counters.add(.ejections)
                self.proxy.configuration.log(.warning, "\(failure); it is left out for \(duration.text)")
            }
            throw .failed(Failure(kind: .unreachable, error: error))
        }
    }

    /// Whether trying again can do no harm.
    private func mayRepeat(after failure: Failure) -> Bool {
        guard self.body.canRepeat else { return false }
        switch failure.kind {
        case .unreachable: return true
        case .malformed: return false
        case .broken, .stale, .late: return Self.isIdempotent(self.exchange.head.method)
        }
    }

    /// Whether repeating a request with this method does no harm (RFC 9110 section 9.2.2).
    private static func isIdempotent(_ method: String) -> Bool {
        switch method {
        case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE": true
        default: false
        }
    }

    private func takeToken() throws(Problem) {
        let requests = self.proxy.loops.reduce(0) { $0 + $1.counters.value(.requests) }
        guard self.proxy.tokens.take(requests: requests, at: self.proxy.clock.now) else {
            self.loop.counters.add(.retriesRefused)
            throw Problem(status: 503, code: .unavailable, "too many requests fail: none is repeated for a while")
        }
        self.loop.counters.add(.retries)
    }
}

/// How an attempt ended without success.
enum AttemptError: Error {
    /// Nothing of an answer was forwarded: another attempt may be made.
    case failed(ProxiedRequest.Failure)
    /// The client is gone, or its answer was cut.
    case ended(any Error)
}
