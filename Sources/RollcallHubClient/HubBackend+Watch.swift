import HTTPEngine
public import Rollcall

extension HubBackend {
    /// See ``RegistryBackend/watch(_:deliver:)``.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        var replica = ServiceReplica(service: service)
        var isLive = false
        try await self.follow("watch of \(service)") {
            WatchRequest(
                path: "/v1/watch",
                body: WatchRequest.service(service, epoch: replica.epoch, revision: replica.hubRevision)
            )
        } element: { element throws(BackendError) in
            switch element {
            case .event(let name, let id, let data):
                guard let snapshot = try replica.accept(name, id: id, data: data) else { return }
                isLive = true
                deliver(snapshot)
            case .comment:
                // The hub has nothing newer than what is here.
                guard !isLive, replica.hasSnapshot else { return }
                isLive = true
                deliver(replica.snapshot())
            }
        } interrupted: {
            guard isLive else { return }
            isLive = false
            deliver(replica.snapshot(freshness: .stale(since: self.streams.clock.now)))
        }
    }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        var latest: [ServiceName]?
        try await self.follow("watch of the services") {
            WatchRequest(path: "/v1/watch", body: WatchRequest.names)
        } element: { element throws(BackendError) in
            guard case .event("services", _, let data) = element else { return }
            let names = try HubCalls.reading("watchServices", nil) { () throws(ValidationError) in
                try ServiceSummary.list(json: data).map(\.service)
            }
            // After a reconnect the hub tells all again.
            guard names != latest else { return }
            latest = names
            deliver(names)
        } interrupted: {
        }
    }

    /// Keeps a stream open, again and again, until the task is cancelled or going on is pointless.
    func follow(
        _ what: String,
        request: () -> WatchRequest,
        element: (EventParser.Element) throws(BackendError) -> Void,
        interrupted: () -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let log = self.configuration.log.component("hub")
        var generator = SplitMix64()
        var attempt = 0
        while true {
            do throws(BackendError) {
                try await self.stream(request()) { received throws(BackendError) in
                    attempt = 0
                    try element(received)
                }
            } catch {
                guard !Task.isCancelled, error.code != .cancelled else {
                    throw BackendError(.cancelled, "the task was cancelled", backend: self.name)
                }
                guard RetryTable.allowsRetry(after: error, isIdempotent: true) || error.code == .protocolViolation
                else { throw error }
                log(attempt == 0 ? .warning : .debug, "the \(what) broke and is opened again: \(error)")
            }
            interrupted()
            attempt += 1
            let pause = Backoff.background.pause(before: attempt, using: &generator)
            try await self.streams.clock.pause(for: pause)
        }
    }

    /// Reads one stream to its end.
    private func stream(
        _ wish: WatchRequest,
        _ element: (EventParser.Element) throws(BackendError) -> Void
    ) async throws(BackendError) {
        let origin = self.calls.origins.current
        do throws(BackendError) {
            try await self.stream(wish, from: origin, element)
        } catch {
            if HubCalls.isOfHub(error) { self.calls.origins.leave(origin) }
            throw error
        }
    }

    private func stream(
        _ wish: WatchRequest,
        from origin: Origin,
        _ element: (EventParser.Element) throws(BackendError) -> Void
    ) async throws(BackendError) {
        let request = HTTPClient.Request(
            "POST",
            self.calls.target(wish.path),
            at: origin,
            fields: [
                Problem.Header("Content-Type", "application/json"), Problem.Header("Accept", "text/event-stream"),
            ],
            body: wish.body
        )
        let clock = self.streams.clock
        let deadline = clock.now.advanced(by: self.configuration.timeout)
        var failure: BackendError?
        do throws(ConnectionError) {
            try await self.streams.withResponse(to: request, headBy: deadline) { response throws(ConnectionError) in
                var parser = EventParser()
                var problem: [UInt8] = []
                let isStream = Self.isStream(response.head)
                var goesOn = true
                while goesOn, failure == nil {
                    let silence = isStream ? clock.now.advanced(by: self.configuration.silenceLimit) : deadline
                    goesOn = try await response.next(until: silence) { bytes in
                        guard isStream else { return problem.append(contentsOf: bytes) }
                        failure = failure ?? Self.parse(bytes, &parser, element)
                    }
                    if problem.count > Self.maximumProblemBytes { break }
                }
                if !isStream { failure = HubCalls.error(of: response.head, problem) }
            }
        } catch {
            throw HubCalls.error(of: error, mayHaveArrived: false)
        }
        throw failure ?? BackendError(.unavailable, "the hub ended the stream", backend: self.name)
    }

    /// The most that is read of an answer that is no stream.
    private static let maximumProblemBytes = 65536

    private static func isStream(_ head: ResponseHead) -> Bool {
        let type = head.fields.first("content-type")?.prefix { $0 != ";" && $0 != " " }.lowercased()
        return head.status == 200 && type == "text/event-stream"
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer,
        _ parser: inout EventParser,
        _ element: (EventParser.Element) throws(BackendError) -> Void
    ) -> BackendError? {
        var failure: BackendError?
        do throws(BackendError) {
            try parser.feed(bytes) { received in
                guard failure == nil else { return }
                do throws(BackendError) {
                    try element(received)
                } catch {
                    failure = error
                }
            }
        } catch {
            return error
        }
        return failure
    }
}

/// What asks for a stream.
struct WatchRequest {
    let path: String
    let body: [UInt8]

    /// The names of all services.
    static let names = Array(#"{"names":true}"#.utf8)

    /// One service, from what is known of it.
    static func service(_ service: ServiceName, epoch: String?, revision: UInt64) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            if let epoch {
                writer.key("epoch")
                writer.string(epoch)
            }
            writer.key("services")
            writer.object { writer in
                writer.key(service.text)
                writer.integer(revision)
            }
        }
        return writer.bytes
    }
}
