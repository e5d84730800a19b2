import HTTPEngine
package import Rollcall
import RollcallHTTP

extension LogClient {
    /// What a reader of the log gets.
    package enum TailItem: Hashable, Sendable {
        /// A line: as it stands in the file, or as JSON.
        case line(String)
        /// How many lines were left out because this reader was too slow.
        case dropped(Int)
    }

    /// How long a log that is followed may be silent; it sends a sign of life each ``LogService/beat``.
    private static let silence = LogService.beat * 3

    /// Reads the log of one instance of the log service.
    ///
    /// - Parameters:
    ///   - query: What to read. With `follows` this lasts until the task is cancelled or the service stops.
    ///   - deliver: Takes each item, the oldest first.
    /// - Throws: As ``print(_:level:)``; `unavailable` when a log that is followed falls silent.
    package func tail(
        _ query: LogQuery,
        _ deliver: (TailItem) async throws(BackendError) -> Void
    ) async throws(BackendError) {
        try await self.withInstance { (instance) throws(BackendError) in
            let endpoint = try LogPoster.endpoint(of: instance)
            let request = HTTPClient.Request("GET", endpoint.path + query.target, at: try Origin(endpoint))
            let outcome: Result<Void, BackendError>
            do throws(ConnectionError) {
                let clock = self.poster.client.clock
                let deadline = clock.now.advanced(by: self.poster.timeout)
                outcome = try await self.poster.client.withResponse(to: request, headBy: deadline) {
                    (response) throws(ConnectionError) in
                    try await self.read(response, of: instance, query, clock, deliver)
                }
            } catch {
                throw ServiceCaller.failure(error, of: instance)
            }
            try outcome.get()
        }
    }

    private func read(
        _ response: IncomingResponse,
        of instance: ServiceInstance,
        _ query: LogQuery,
        _ clock: TimeSource,
        _ deliver: (TailItem) async throws(BackendError) -> Void
    ) async throws(ConnectionError) -> Result<Void, BackendError> {
        var lines = TailLines(areEvents: query.follows && response.head.status == 200)
        var body: [UInt8] = []
        while try await response.next(
            until: clock.now.advanced(by: Self.silence),
            { piece in
                if response.head.status == 200 {
                    lines.take(piece)
                } else {
                    body.append(contentsOf: piece.prefix(8192))
                }
            }
        ) {
            while let item = lines.next() {
                do throws(BackendError) {
                    try await deliver(item)
                } catch {
                    return .failure(error)
                }
            }
        }
        guard response.head.status == 200 else {
            return .failure(LogPoster.refusal(response.head.status, body, of: instance))
        }
        return .success(())
    }
}

/// Makes items of what arrives, be it lines or server-sent events.
struct TailLines {
    let areEvents: Bool
    private var received: [UInt8] = []
    private var start = 0
    private var event = ""

    init(areEvents: Bool) {
        self.areEvents = areEvents
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        self.received.removeSubrange(..<self.start)
        self.start = 0
        self.received.append(contentsOf: bytes)
    }

    mutating func next() -> LogClient.TailItem? {
        while let end = self.received[self.start...].firstIndex(of: 0x0A) {
            let line = String(decoding: self.received[self.start..<end], as: UTF8.self)
            self.start = end + 1
            guard self.areEvents else { return .line(line) }
            if let item = self.item(of: line) { return item }
        }
        return nil
    }

    private mutating func item(of line: String) -> LogClient.TailItem? {
        if line.isEmpty { self.event = "" }
        if let name = Self.value(of: "event: ", in: line) { self.event = name }
        guard let data = Self.value(of: "data: ", in: line) else { return nil }
        return self.event == "dropped" ? Int(data).map { .dropped($0) } : .line(data)
    }

    /// What stands behind a field's name; by bytes, as a line may begin with an accent that joins the space before it.
    private static func value(of field: String, in line: String) -> String? {
        line.utf8.starts(with: field.utf8) ? String(Substring(line.utf8.dropFirst(field.utf8.count))) : nil
    }
}
