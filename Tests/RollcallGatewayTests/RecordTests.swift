import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Synchronization
import Testing

@Suite("What the gateway counts and logs", .timeLimit(.minutes(1)))
struct RecordTests {
    private final class Records: Sendable {
        private let list = Mutex<[AccessRecord]>([])

        var all: [AccessRecord] { self.list.withLock { $0 } }
        func add(_ record: AccessRecord) { self.list.withLock { $0.append(record) } }
    }

    @Test(
        "what is no request is counted and logged with the status of its answer",
        arguments: [
            ("G(T / HTTP/1.1\r\n\r\n", 400), ("GET /web/ HTTP/2.0\r\n\r\n", 505),
            ("GET /web/ HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 40000))\r\n\r\n", 431),
            ("POST /web/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ]
    )
    func refused(_ text: String, _ status: Int) async throws {
        let records = Records()
        try await withTestBed {
            $0.accessLog = { records.add($0) }
        } _: { bed in
            let raw = try await bed.open()
            try await raw.send(text)
            #expect(await raw.receiveAll().text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(bed.gateway.metrics.problems == [status: 1])
            #expect(bed.gateway.metrics.requests == 0)
            #expect(records.all.map(\.status) == [status])
            #expect(records.all.first?.client == "127.0.0.1")
        }
    }

    @Test("the figures can be read on an address of their own, not by clients of the services")
    func endpoint() async throws {
        try await withTestBed {
            $0.metricsPort = 0
        } _: { bed in
            try await bed.instance(answering: reflect)
            #expect(try await bed.send().status == 200)
            let address = try #require(bed.gateway.metricsAddress)
            let origin = try Origin(address)
            func ask(_ method: String, _ target: String) async throws -> HTTPClient.Response {
                try await bed.http.send(HTTPClient.Request(method, target, at: origin), within: .seconds(10))
            }
            let answer = try await ask("GET", "/metrics")
            #expect(answer.status == 200)
            #expect(answer.head.fields.first("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(answer.text.contains("\nrollcall_gateway_requests_total 1\n"))
            #expect(try await ask("POST", "/metrics").status == 405)
            #expect(try await ask("GET", "/web/").status == 404)
            #expect(try await bed.send("GET", "/metrics").status == 404)
        }
    }

    @Test("a body that turns out broken after the answer began cuts the answer, and the status stays the instance's")
    func brokenAfterwards() async throws {
        let records = Records()
        try await withTestBed {
            $0.accessLog = { records.add($0) }
        } _: { bed in
            try await bed.instance { exchange in
                try await exchange.beginStream(203, "a/b")
                while try await exchange.readPiece({ _ in }) {}
            }
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try await raw.receive(until: "\r\n\r\n")
            try await raw.send("+3\r\nabc\r\n")
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 203 ") && !text.hasSuffix("0\r\n\r\n") && !text.contains("HTTP/1.1 400"))
            try await eventually { records.all.count == 1 }
            #expect(records.all.first?.status == 203)
            #expect(bed.gateway.metrics.problems.isEmpty && bed.gateway.metrics.cutResponses == 1)
        }
    }
}
