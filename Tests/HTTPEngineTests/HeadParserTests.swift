import Rollcall
import Testing

@testable import HTTPEngine

@Suite("Heads of messages", .serialized)
struct HeadParserTests {
    private static func request(_ text: String) throws(MessageError) -> RequestHead {
        try HeadParser.request(Array((text + "\r\n").utf8))
    }

    private static func status(_ text: String) -> Int? {
        do throws(MessageError) {
            _ = try BodyFraming.of(try self.request(text))
            return nil
        } catch {
            return error.status
        }
    }

    @Test("a request is read with its fields as they stood")
    func request() throws {
        let head = try Self.request(
            "PUT /a%20b?c=d?e HTTP/1.1\r\nHost: x:1\r\nX-A:  b c\t \r\nx-a:\r\nÜ: no\r\n".replacing("Ü", with: "U")
        )
        #expect(head.method == "PUT")
        #expect(head.path == "/a%20b")
        #expect(head.query == "c=d?e")
        #expect(!head.isVersion10)
        #expect(head.keepsAlive)
        #expect(head.fields.all("x-a") == ["b c", ""])
        #expect(head.fields.first("host") == "x:1")
        #expect(head.fields.name(at: 1) == "X-A")
        #expect(head.fields.count(of: "x-a") == 2)
    }

    @Test(
        "connections are kept as the version and the field say",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: x , CLOSE\r\n", false),
            ("1.1", "Connection: closed\r\n", true), ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.1", "Connection: a\r\nConnection:\tclose\r\n", false),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ]
    )
    func keepAlive(_ version: String, _ field: String, _ keeps: Bool) throws {
        #expect(try Self.request("GET / HTTP/\(version)\r\nHost: a\r\n\(field)").keepsAlive == keeps)
        let response = try HeadParser.response(Array("HTTP/\(version) 200 OK\r\n\(field)\r\n".utf8))
        #expect(response.keepsAlive == keeps)
    }

    @Test(
        "the host is a name or an address, perhaps with a port",
        arguments: ["a", "a.b-c_d:80", "127.0.0.1:1", "[::1]:80", "[fe80::1%25eth0]", "", "caf%C3%A9", "A~!$&'()*+,;="]
    )
    func host(_ host: String) {
        #expect(Self.status("GET / HTTP/1.1\r\nHost: \(host)\r\n") == nil)
        #expect(Self.status("GET / HTTP/1.0\r\nHost: \(host)\r\n") == nil)
    }

    @Test(
        "what is no host, or more than one, is refused",
        arguments: [
            "Host: a b", "Host: a/b", "Host: <x>", "Host: a@b", "Host: http://a", "Host: a?b", "Host: a#b",
            "Host: a\"b",
            "Host: a\\b", "Host: café", "Host: a\r\nHost: a", "Host: a\r\nHost: b",
        ]
    )
    func noHost(_ fields: String) {
        #expect(Self.status("GET / HTTP/1.1\r\n\(fields)\r\n") == 400)
        #expect(Self.status("GET / HTTP/1.0\r\n\(fields)\r\n") == 400)
    }

    @Test(
        "what is refused, and how",
        arguments: [
            (" / HTTP/1.1\r\nHost: a\r\n", 400), ("GET\r\n", 400), ("GET /\r\n", 400),
            ("GET  HTTP/1.1\r\nHost: a\r\n", 400),
            ("G(T / HTTP/1.1\r\nHost: a\r\n", 400), ("GET / HTP/1.1\r\nHost: a\r\n", 400),
            ("GET / http/1.1\r\nHost: a\r\n", 400), ("GET / HTTP/1.2\r\nHost: a\r\n", 505),
            ("GET / HTTP/3\r\nHost: a\r\n", 505), ("GET /\u{7F} HTTP/1.1\r\nHost: a\r\n", 400),
            ("GET /\rX HTTP/1.1\r\nHost: a\r\n", 400), ("GET / HTTP/1.1\r\n", 400), ("GET / HTTP/1.1\r\n: a\r\n", 400),
            ("GET / HTTP/1.1\r\nHost\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\rb\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\n\tx\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: \u{1}\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nA: \u{7F}\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n", 400),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n", 501),
        ]
    )
    func refused(_ text: String, _ status: Int) {
        #expect(Self.status(text) == status)
    }

    @Test("a head has limits, found before its end has come")
    func limits() throws {
        var endless = InputBuffer()
        endless.receive(Array("GET /".utf8) + [UInt8](repeating: 0x61, count: HeadParser.maximumBytes))
        #expect(throws: MessageError.self) { try endless.takeHead() }
        for excess in [0, 1] {
            let frame = "GET / HTTP/1.1\r\nA: \r\n\r\n".utf8.count
            let value = String(repeating: "x", count: HeadParser.maximumBytes - frame + excess)
            var whole = InputBuffer()
            whole.receive(Array("GET / HTTP/1.1\r\nA: \(value)\r\n\r\n".utf8))
            let isTaken = (try? whole.takeHead()) != nil
            #expect(isTaken == (excess == 0), "also when all of it comes at once")
        }
        var feed = InputBuffer()
        feed.receive(Array("GET / HTTP/1.1\nHost".utf8))
        #expect(throws: MessageError.self) { try feed.takeHead() }
        var empty = InputBuffer()
        empty.receive(Array("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest".utf8))
        #expect(try empty.takeHead()?.count == 27)
        #expect(empty.count == 4)
    }

    @Test("a response is read")
    func response() throws {
        let head = try HeadParser.response(Array("HTTP/1.1 200 All is well\r\nA: b\r\n\r\n".utf8))
        #expect((head.status, head.reason) == (200, "All is well"))
        #expect(try HeadParser.response(Array("HTTP/1.0 404\r\n\r\n".utf8)).status == 404)
        #expect(try HeadParser.response(Array("HTTP/1.1 500 \r\n\r\n".utf8)).reason == "")
        #expect(try BodyFraming.of(head, to: "GET") == .untilClose)
        #expect(try BodyFraming.of(head, to: "HEAD") == .none)
        for text in [
            "HTTP/1.1\r\n\r\n", "HTTP/1.1 \r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "HTTP/1.1 -20\r\n\r\n", "HTTP/2 200\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\n\r\n", " \r\n\r\n",
        ] {
            #expect(throws: MessageError.self, "\(text.debugDescription)") { try HeadParser.response(Array(text.utf8)) }
        }
    }

    @Test("fields that code writes cannot forge others")
    func forging() {
        let fields = HeaderFields([("A", "x\r\nB: y\u{0}")])
        var output: [UInt8] = []
        fields.write(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "A: x  B: y \r\n")
    }
}
