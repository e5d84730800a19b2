import HTTPEngine
public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConsulBackend {
    /// The name of a service in the catalog.
    func catalogName(_ service: ServiceName) -> String { self.layout.name(of: service) }

    /// The call that reads the records of a service.
    func healthCall(_ service: ServiceName, _ operation: String) -> ConsulCall {
        let path = "/v1/health/service/\(PercentEncoding.encode(self.catalogName(service)))"
        return ConsulCall(path: path, operation: operation, key: service.text, query: self.freshness)
    }

    /// Reads the records of an answer.
    func records(
        _ answer: HTTPClient.Response,
        of service: ServiceName,
        _ operation: String
    ) throws(BackendError) -> [InstanceID: InstanceRecord] {
        let records = try self.answers.records(in: answer.body, of: service) { () throws(BackendError) in
            let records = try ConsulCalls.reading(operation, service.text) { () throws(ValidationError) in
                try HealthRecord.list(json: answer.body)
            }
            return ServiceReading.records(records, of: service, layout: self.layout)
        }
        guard !records.isEmpty || !answer.isFiltered else {
            // Everybody would seem to have gone (C19).
            throw self.lost(
                .permissionDenied,
                "the token may not read the service, or the nodes that it is on",
                operation,
                service.text
            )
        }
        return records
    }

    /// See ``RegistryBackend/instances(of:)``.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let key = self.amendmentPrefix + ConsulKey.segment(service.text) + "/"
        let (answer, reading) = try await both { () async throws(BackendError) in
            try await self.calls.send(self.healthCall(service, "instances"))
        } _: { () async throws(BackendError) in
            try await self.amendments(under: key)
        }
        let records = try self.records(answer, of: service, "instances")
        return ServiceSnapshot(
            service: service,
            instances: records.values.map {
                $0.shown(with: reading.amendments[self.amendmentKey(service, $0.instance.id)])
            },
            revision: 1,
            source: self.name
        )
    }

    /// See ``RegistryBackend/services()``.
    ///
    /// Each service is asked for by itself, since Consul lists names without health.
    public func services() async throws(BackendError) -> [ServiceSummary] {
        let answer = try await self.calls.send(
            ConsulCall(path: "/v1/catalog/services", operation: "services", query: self.freshness)
        )
        var remaining = try self.names(in: answer)[...]
        let (calls, amendments) = (self.calls, try await self.amendments(under: self.amendmentPrefix).amendments)
        let outcomes = await withTaskGroup(of: Result<ServiceSummary?, BackendError>.self) { group in
            var outcomes: [Result<ServiceSummary?, BackendError>] = []
            for service in remaining.prefix(8) {
                group.addTask { await self.summary(of: service, calls, amendments) }
            }
            remaining = remaining.dropFirst(8)
            while let outcome = await group.next() {
                outcomes.append(outcome)
                guard let service = remaining.popFirst() else { continue }
                group.addTask { await self.summary(of: service, calls, amendments) }
            }
            return outcomes
        }
        var summaries: [ServiceSummary] = []
        for outcome in outcomes {
            if let summary = try outcome.get() { summaries.append(summary) }
        }
        return summaries.sorted { $0.service < $1.service }
    }

    private func summary(
        of service: ServiceName,
        _ calls: ConsulCalls,
        _ amendments: Amendments
    ) async -> Result<ServiceSummary?, BackendError> {
        do throws(BackendError) {
            let answer = try await calls.send(self.healthCall(service, "services"))
            let records = try self.records(answer, of: service, "services")
            var counts: [HealthStatus: Int] = [:]
            for (id, record) in records {
                counts[record.shown(with: amendments[self.amendmentKey(service, id)]).status, default: 0] += 1
            }
            // The records that are left there may all have expired.
            return .success(counts.isEmpty ? nil : ServiceSummary(service: service, counts: counts))
        } catch {
            return .failure(error)
        }
    }

    /// The services of this namespace that an answer of the catalog names, in order.
    func names(in answer: HTTPClient.Response) throws(BackendError) -> [ServiceName] {
        var names: [ServiceName] = []
        try ConsulCalls.reading("services", nil) { () throws(ValidationError) in
            var reader = JSONReader(answer.body)
            try reader.object { (reader, name) throws(ValidationError) in
                try reader.skip()
                if let service = self.layout.service(named: name) { names.append(service) }
            }
            try reader.end()
        }
        return names.sorted()
    }

    /// See ``RegistryBackend/remove(_:id:)``.
    ///
    /// The agent that is asked must be the one that the record belongs to; the record of an agent that is gone is taken
    /// out of the catalog.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        let key = "\(service)/\(id)"
        let answer = try await self.calls.send(self.healthCall(service, "remove"))
        guard let record = try self.records(answer, of: service, "remove")[id] else { return }
        do throws(BackendError) {
            try await self.deregister(record.rawID, "remove", key: key)
        } catch  where error.code == .notFound {
            try await self.removeFromCatalog(record, key: key)
        }
        try? await self.awaitCatalog(service, record.rawID, "remove") { records in
            !records.contains { $0.node == record.node && $0.meta[InstanceCodec.leaseKey] == record.nonce }
        }
        try? await self.deleteAmendment(service, id)
    }

    private func removeFromCatalog(_ record: InstanceRecord, key: String) async throws(BackendError) {
        guard record.isOrphaned else {
            throw BackendError(
                .unsupported,
                "the record belongs to the agent of node \(record.node.quotedForDisplay): ask that one",
                backend: self.name,
                operation: "remove",
                key: key
            )
        }
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("Node", record.node)
            writer.member("ServiceID", record.rawID)
        }
        _ = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/catalog/deregister",
                operation: "remove",
                key: key,
                body: writer.bytes
            )
        )
    }

    /// Takes a record off the agent.
    ///
    /// - Throws: `notFound` when the agent has none.
    func deregister(_ rawID: String, _ operation: String, key: String) async throws(BackendError) {
        _ = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/agent/service/deregister/\(PercentEncoding.encode(rawID))",
                operation: operation,
                key: key,
                place: .agent
            )
        )
    }

    /// Waits until the catalog shows what an agent was told: the agent hands it on, in a moment.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - rawID: The record.
    ///   - operation: What errors name.
    ///   - isSettled: Whether the records under that id are as they should be; of all nodes.
    /// - Throws: `timeout`, and what keeps the catalog from being read.
    func awaitCatalog(
        _ service: ServiceName,
        _ rawID: String,
        _ operation: String,
        _ isSettled: ([HealthRecord]) -> Bool
    ) async throws(BackendError) {
        let deadline = self.clock.now.advanced(by: self.configuration.timeout)
        var index = BlockingIndex()
        while true {
            let left = self.clock.now.duration(to: deadline)
            guard left > .milliseconds(1) else {
                throw BackendError(
                    .timeout,
                    "the catalog does not show in time what the agent was told",
                    backend: self.name,
                    operation: operation,
                    key: service.text,
                    applied: .unknown
                )
            }
            var call = self.healthCall(service, operation)
            // Others must see it, who may ask the leader.
            call.query = FilterText.equality("Service.ID", rawID)
            // It has a turn as long as it waits, which others want, too.
            let wait = min(left, .milliseconds(500))
            if let index = index.index { call.query += [("index", "\(index)"), ("wait", wait.consulText)] }
            call.limit = wait + self.configuration.timeout / 4
            let answer = try await self.calls.send(call)
            _ = index.accept(answer.consulIndex)
            let records = try ConsulCalls.reading(operation, service.text) { () throws(ValidationError) in
                try HealthRecord.list(json: answer.body)
            }
            // A token that may register and not read cannot be shown that it worked.
            if isSettled(records.filter { $0.id == rawID }) || answer.isFiltered { return }
            if index.index == nil { try await self.clock.pause(for: .milliseconds(50)) }
        }
    }
}

/// Runs both at once, and returns what they return.
func both<First: Sendable, Second: Sendable>(
    _ first: @escaping @Sendable () async throws(BackendError) -> First,
    _ second: @escaping @Sendable () async throws(BackendError) -> Second
) async throws(BackendError) -> (First, Second) {
    let outcome = await withTaskGroup(of: Result<Second, BackendError>.self) { group in
        group.addTask {
            do throws(BackendError) {
                return .success(try await second())
            } catch {
                return .failure(error)
            }
        }
        let mine: Result<First, BackendError>
        do throws(BackendError) {
            mine = .success(try await first())
        } catch {
            group.cancelAll()
            mine = .failure(error)
        }
        return (mine, await group.next())
    }
    let value = try outcome.0.get()
    guard let other = outcome.1 else { throw BackendError(.cancelled, "the task was cancelled") }
    return (value, try other.get())
}
