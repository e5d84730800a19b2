import HTTPEngine
import Rollcall

extension HubAPI {
    /// The candidate of a key: proposing, looking at it, promoting, abandoning.
    func candidate(
        _ place: ConfigTable.Place,
        _ operation: ConfigRoute.Operation,
        _ request: HubRequest
    ) async throws {
        try request.checkQuery()
        let config = self.store.config
        switch (operation, request.method) {
        case (.promotion, _):
            let expectation = try request.expectation()
            let entry = try await Self.precondition(expectation) {
                try await config.promote(at: place, expecting: expectation)
            }
            request.respond(headers: Self.headers(of: entry), json: ConfigDocuments.summary(entry.summary))
        case (_, "PUT"):
            let expectation = try request.expectation()
            let (draft, audience) = try await request.json(limit: HubConfig.maximumBytes * 8) {
                (reader) throws(ValidationError) in try ConfigDocuments.proposal(from: &reader)
            }
            let candidate = try await Self.precondition(expectation) {
                try await config.propose(draft, for: audience, at: place, expecting: expectation)
            }
            self.respond(with: candidate, request)
        case (_, "DELETE"):
            let expectation = try request.expectation()
            let entry = try await Self.precondition(expectation) {
                try await config.abandon(at: place, expecting: expectation)
            }
            guard let entry else { return request.exchange.respond(204) }
            request.respond(headers: Self.headers(of: entry), json: ConfigDocuments.summary(entry.summary))
        default:
            guard let candidate = config.candidate(at: place) else {
                throw BackendError(.notFound, "\(place.key.text.quotedForDisplay) has no candidate")
            }
            self.respond(with: candidate, request)
        }
    }

    private func respond(with candidate: ConfigCandidate, _ request: HubRequest) {
        request.respond(headers: Self.headers(of: candidate.entry), json: ConfigDocuments.candidate(candidate))
    }

    /// Takes note of what an instance runs.
    func configReaders(_ request: HubRequest) async throws {
        try request.checkQuery()
        let report = try await request.json(limit: 1 << 20) { (reader) throws(ValidationError) in
            try ConfigReaderReport(from: &reader)
        }
        try self.readers.note(report, in: request.namespace)
        request.exchange.respond(204)
    }
}
