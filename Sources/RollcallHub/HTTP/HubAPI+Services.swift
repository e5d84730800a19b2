import HTTPEngine
import Rollcall

extension HubAPI {
    /// The services with their counts.
    func services(_ request: HubRequest) throws {
        try request.checkQuery("prefix")
        let revision = try self.store.revision()
        let headers = [Problem.Header("ETag", "\"\(self.store.epoch).\(revision)\"")]
        if self.isKnown(request, revision: revision) { return request.exchange.respond(304, headers: headers) }
        let prefix = request.query["prefix"] ?? ""
        let summaries = try self.store.services(in: request.namespace)
        let wanted = prefix.isEmpty ? summaries : summaries.filter { $0.service.text.utf8.starts(with: prefix.utf8) }
        request.respond(headers: headers, json: ServiceSummary.json(wanted))
    }

    /// The snapshot of a service, perhaps after waiting for a change, perhaps filtered.
    func service(_ service: ServiceName, _ request: HubRequest) async throws {
        self.metrics.lookups.add()
        let wish = try request.snapshotWish()
        if wish.wait > .zero, let revision = wish.revision, wish.epoch == nil || wish.epoch == self.store.epoch {
            try await self.wait(wish.wait, for: service, beyond: revision, request)
        }
        try self.respond(with: service, wish.filter, request)
    }

    private func respond(with service: ServiceName, _ filter: InstanceFilter?, _ request: HubRequest) throws {
        guard let filter else {
            let snapshot = try self.store.snapshot(of: service, in: request.namespace)
            let headers = self.header(revision: snapshot.revision)
            if self.isKnown(request, revision: snapshot.revision) {
                return request.exchange.respond(304, headers: headers)
            }
            return request.respond(headers: headers, json: snapshot.json)
        }
        let (instances, revision) = try self.store.instances(of: service, in: request.namespace)
        let json = SnapshotCache.join(service, revision, instances.filter { filter($0) })
        request.respond(headers: self.header(revision: revision), json: json)
    }

    /// Waits until the service's revision passes `revision`; at once when it has, or when it never was that high.
    private func wait(
        _ limit: Duration,
        for service: ServiceName,
        beyond revision: UInt64,
        _ request: HubRequest
    ) async throws {
        let subscription = self.store.feed.open(request.namespace, [.exact(service)])
        defer { self.store.feed.close(subscription) }
        guard try self.store.snapshot(of: service, in: request.namespace).revision == revision else { return }
        let mailbox = subscription.mailbox
        await request.exchange.whileOpen(end: { mailbox.finish() }) {
            await race {
                while let news = try? await mailbox.next() {
                    if case .change = news { return }
                }
            } _: {
                try? await self.clock.sleep(for: limit)
            }
        }
    }
}

/// What is asked of a service's snapshot.
struct SnapshotWish {
    /// How long to wait for a change.
    var wait = Duration.zero
    /// The revision beyond which the change must be.
    var revision: UInt64?
    /// What that revision belongs to.
    var epoch: String?
    /// Which instances are wanted; `nil` for all.
    var filter: InstanceFilter?
}

extension HubRequest {
    /// The longest that a poll may wait, as the documentation says.
    private static let longestWait = Duration.seconds(300)

    /// Reads what is asked of a snapshot.
    ///
    /// - Throws: A ``ValidationError`` that names the parameter.
    func snapshotWish() throws(ValidationError) -> SnapshotWish {
        // The usual look-up asks for nothing.
        guard !self.query.items.isEmpty else { return SnapshotWish() }
        try self.checkQuery(
            "status",
            "tag",
            "zone",
            "version",
            "metadata.",
            "wait",
            "revision",
            "epoch",
            repeatable: ["status", "tag"]
        )
        return SnapshotWish(
            wait: min(try self.duration("wait", default: .zero), Self.longestWait),
            revision: try self.number("revision"),
            epoch: self.query["epoch"],
            filter: try Self.filter(self.query)
        )
    }

    private static func filter(_ query: Query) throws(ValidationError) -> InstanceFilter? {
        var filters: [InstanceFilter] = []
        let statuses = try query.all("status").map(Self.status)
        // An instance has one status and may have many tags: any of the former will do, the latter must all be there.
        if !statuses.isEmpty { filters.append(InstanceFilter { statuses.contains($0.status) }) }
        for tag in query.all("tag") { filters.append(.tags(tag)) }
        if let zone = query["zone"] { filters.append(.zone(zone)) }
        if let version = query["version"] { filters.append(.version(try VersionRange(version))) }
        for (name, value) in query.items where name.hasPrefix("metadata.") {
            filters.append(.metadata(String(name.dropFirst("metadata.".count)), value))
        }
        guard let first = filters.first else { return nil }
        return filters.dropFirst().reduce(first) { $0 && $1 }
    }

    private static func status(_ text: String) throws(ValidationError) -> HealthStatus {
        do throws(ValidationError) {
            return try HealthStatus(wished: text)
        } catch {
            throw ValidationError(field: "status", message: error.message)
        }
    }
}
