import HTTPEngine
import Rollcall
import Testing

@testable import RollcallHubClient

/// A stream of the hub, read event by event, each held against the hub's description.
final class EventStream {
    /// An event.
    struct Event: Sendable, CustomStringConvertible {
        let name: String
        let id: String?
        let data: [UInt8]

        var json: JSONTree { (try? JSONTree(json: self.data)) ?? .null }

        /// The ids of a snapshot's instances.
        var ids: [String] { self.json["instances"]?.list.compactMap { $0["id"]?.text } ?? [] }

        /// The names of a list of services.
        var names: [String] { self.json["services"]?.list.compactMap { $0["service"]?.text } ?? [] }

        var service: String? { self.json["service"]?.text }

        var description: String { "\(self.name) \(self.id ?? "-") \(String(decoding: self.data, as: UTF8.self))" }
    }

    private let response: IncomingResponse
    private let clock: TimeSource
    private var parser = EventParser()
    private var queue: [EventParser.Element] = []

    init(_ response: IncomingResponse, clock: TimeSource) {
        self.response = response
        self.clock = clock
    }

    /// The next event or comment; `nil` at the end.
    func element(within limit: Duration = .seconds(20)) async throws -> EventParser.Element? {
        while self.queue.isEmpty {
            let goesOn = try await self.response.next(until: self.clock.now.advanced(by: limit)) { bytes in
                do throws(BackendError) {
                    try self.parser.feed(bytes) { self.queue.append($0) }
                } catch {
                    Issue.record(error)
                }
            }
            if !goesOn, self.queue.isEmpty { return nil }
        }
        return self.queue.removeFirst()
    }

    /// The next event, stepping over comments; `nil` at the end.
    func event() async throws -> Event? {
        while let element = try await self.element() {
            guard case .event(let name, let id, let data) = element else { continue }
            try APIDescription.builtIn.get().check(event: name, data: data)
            return Event(name: name, id: id, data: data)
        }
        return nil
    }

    /// The next event, which must be there.
    func next(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Event {
        let event = try #require(try await self.event(), sourceLocation: sourceLocation)
        #expect(event.name == name, sourceLocation: sourceLocation)
        return event
    }

    /// Steps over events up to the sign that all that was asked for has come.
    func comment(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let element = try #require(try await self.element(), sourceLocation: sourceLocation)
        #expect(element == .comment, sourceLocation: sourceLocation)
    }
}

extension HubCaller {
    /// Opens a stream for as long as `body` runs.
    func stream<Value: Sendable>(
        _ method: String = "GET",
        _ target: String,
        _ document: String = "",
        headers: [String: String] = [:],
        _ body: (EventStream) async throws -> Value
    ) async throws -> Value {
        let fields = headers.map { Problem.Header($0.key, $0.value) }
        let request = HTTPClient.Request(
            method,
            target,
            at: self.origin,
            fields: fields,
            body: Array(document.utf8)
        )
        let clock = self.client.clock
        let deadline = clock.now.advanced(by: .seconds(20))
        let result = try await self.client.withResponse(to: request, headBy: deadline) {
            response -> Result<Value, any Error> in
            do {
                try #require(response.head.status == 200)
                #expect(response.head.fields.first("content-type") == "text/event-stream")
                #expect(response.head.fields.first("cache-control") == "no-store")
                return .success(try await body(EventStream(response, clock: clock)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
