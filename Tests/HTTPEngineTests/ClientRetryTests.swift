import HTTPEngine
import Rollcall
import Synchronization
import Testing

@Suite("HTTP client: connections that break", .timeLimit(.minutes(1)), .serialized)
struct ClientRetryTests {
    /// Runs a server that answers the n-th request with the n-th text, then closes the connection if that is said.
    private static func withServer(
        _ answers: [(text: String, closes: Bool)],
        _ body: @escaping @Sendable (Origin, @escaping @Sendable () -> Int) async throws -> Void
    ) async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let turns = Turns()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { connections in
                    while let socket = await listener.accept() {
                        connections.addTask {
                            await Self.serve(HTTPConnection(socket), answers, turns)
                            socket.close()
                        }
                    }
                }
            }
            defer { listener.close() }
            try await body(Origin(host: "127.0.0.1", port: listener.address.port)) { turns.count }
        }
    }

    private final class Turns: Sendable {
        private let number = Atomic(0)
        var count: Int { self.number.load(ordering: .sequentiallyConsistent) }
        func take() -> Int { self.number.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue }
    }

    private static func serve(
        _ connection: HTTPConnection,
        _ answers: [(text: String, closes: Bool)],
        _ turns: Turns
    ) async {
        let deadline = connection.socket.loop.clock.now.advanced(by: .seconds(10))
        while (try? await connection.receive(until: deadline)) == true {
            _ = connection.takeReceived()
            let answer = answers[min(turns.take(), answers.count - 1)]
            guard (try? await connection.socket.write(Array(answer.text.utf8), until: deadline)) != nil else { return }
            if answer.closes { return }
        }
    }

    private static let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test("a request on a kept connection that turns out closed is sent again, if that does no harm")
    func closed() async throws {
        try await Self.withServer([(Self.whole, false), ("", true), (Self.whole, false)]) { origin, count in
            let client = try HTTPClient()
            for _ in 0..<2 {
                let response = try await client.send(HTTPClient.Request("GET", "/", at: origin), within: .seconds(5))
                #expect(response.body == Array("ok".utf8))
            }
            #expect(count() == 3)
        }
        try await Self.withServer([(Self.whole, false), ("", true), (Self.whole, false)]) { origin, count in
            let client = try HTTPClient()
            _ = try await client.send(HTTPClient.Request("POST", "/", at: origin), within: .seconds(5))
            let error = await #expect(throws: ConnectionError.self) {
                try await client.send(HTTPClient.Request("POST", "/", at: origin), within: .seconds(5))
            }
            #expect(error?.kind == .broken)
            #expect(count() == 2)
        }
    }

    @Test("a server that is gone after it got a request is not said to have refused it")
    func gone() async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let origin = Origin(host: "127.0.0.1", port: listener.address.port)
        let client = try HTTPClient()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard let socket = await listener.accept() else { return }
                let connection = HTTPConnection(socket)
                let deadline = socket.loop.clock.now.advanced(by: .seconds(10))
                _ = try? await connection.receive(until: deadline)
                _ = connection.takeReceived()
                try? await socket.write(Array(Self.whole.utf8), until: deadline)
                _ = try? await connection.receive(until: deadline)
                listener.close()
                socket.close()
            }
            let request = HTTPClient.Request("PUT", "/", at: origin, body: Array("1".utf8))
            _ = try? await client.send(request, within: .seconds(5))
            let error = await #expect(throws: ConnectionError.self) {
                try await client.send(request, within: .seconds(5))
            }
            #expect(error?.kind == .broken)
        }
    }

    @Test("a response that breaks off is an error of the connection, and its reader never sees two")
    func torn() async throws {
        let torn = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
        try await Self.withServer([(Self.whole, false), (torn, true), (Self.whole, false)]) { origin, count in
            let client = try HTTPClient()
            let request = HTTPClient.Request("GET", "/", at: origin)
            _ = try await client.send(request, within: .seconds(5))
            var seen: [String] = []
            let deadline = client.clock.now.advanced(by: .seconds(5))
            let result: Result<Void, ConnectionError>
            do throws(ConnectionError) {
                try await client.withResponse(to: request, headBy: deadline) { response throws(ConnectionError) in
                    seen.append("")
                    while try await response.next(
                        until: deadline,
                        { seen[seen.count - 1] += String(decoding: $0, as: UTF8.self) }
                    ) {}
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            guard case .failure(let error) = result else {
                Issue.record("an error is expected")
                return
            }
            #expect(error.kind == .broken)
            #expect(seen == ["half"])
            #expect(count() == 2)
        }
    }
}
