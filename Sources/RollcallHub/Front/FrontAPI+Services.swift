import HTTPEngine
import Rollcall

extension FrontAPI {
    /// The services with their counts, as the engine has them now.
    func services(_ request: HubRequest, _ space: FrontSpace) async throws {
        try request.checkQuery("prefix")
        let prefix = request.query["prefix"] ?? ""
        let (summaries, revision) = try await space.registry.list()
        let tag = "\(self.hub.epoch).\(revision)"
        let headers = [Problem.Header("ETag", "\"\(tag)\"")]
        if request.holds(tag: tag) { return request.exchange.respond(304, headers: headers) }
        let wanted = prefix.isEmpty ? summaries : summaries.filter { $0.service.text.utf8.starts(with: prefix.utf8) }
        request.respond(headers: headers, json: ServiceSummary.json(wanted))
    }

    /// The snapshot of a service as the engine has it now, perhaps after waiting for a change, perhaps filtered.
    func service(_ service: ServiceName, _ request: HubRequest, _ space: FrontSpace) async throws {
        self.metrics.lookups.add()
        let wish = try request.snapshotWish()
        if wish.wait > .zero, let revision = wish.revision, wish.epoch == nil || wish.epoch == self.hub.epoch {
            try await self.wait(wish.wait, for: service, beyond: revision, request, space)
        }
        let (instances, revision) = try await space.registry.instances(of: service)
        let headers = self.header(revision: revision)
        guard let filter = wish.filter else {
            if request.holds(tag: "\(self.hub.epoch).\(revision)") {
                return request.exchange.respond(304, headers: headers)
            }
            return request.respond(headers: headers, json: SnapshotCache.join(service, revision, instances))
        }
        request.respond(
            headers: headers,
            json: SnapshotCache.join(service, revision, instances.filter { filter($0) })
        )
    }

    /// Waits until the service's revision passes `revision`; at once when it has, or when it never was that high.
    private func wait(
        _ limit: Duration,
        for service: ServiceName,
        beyond revision: UInt64,
        _ request: HubRequest,
        _ space: FrontSpace
    ) async throws {
        guard try await space.registry.instances(of: service).revision == revision else { return }
        let interest = try await space.registry.follow([.exact(service)], wantsNames: false)
        defer { space.registry.release(interest) }
        let subscription = self.hub.feed.open(request.namespace, [.exact(service)])
        defer { self.hub.feed.close(subscription) }
        try space.registry.check(interest)
        // What was read may be ahead of what is followed, and follows then.
        let told = space.registry.snapshot(of: service, in: request.namespace).revision
        guard told <= revision, try await space.registry.instances(of: service).revision == revision else { return }
        let mailbox = subscription.mailbox
        await request.exchange.whileOpen(end: { mailbox.finish() }) {
            await race {
                while let news = try? await mailbox.next() {
                    if case .change(_, let change) = news, change.to > revision { return }
                }
            } _: {
                try? await self.clock.sleep(for: limit)
            }
        }
    }

    /// A stream of server-sent events.
    func watch(_ request: HubRequest, _ space: FrontSpace) async throws {
        let wish = try await request.watchWish(epoch: self.hub.epoch)
        try space.checkPresent()
        let interest = try await space.registry.follow(wish.patterns, wantsNames: wish.wantsNames)
        defer { space.registry.release(interest) }
        try await HubStream(source: space.registry, namespace: request.namespace, wish: wish)
            .run(request.exchange) { try space.registry.check(interest) }
    }
}
