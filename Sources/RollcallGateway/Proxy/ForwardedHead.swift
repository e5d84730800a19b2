import HTTPEngine

/// Writes the heads of forwarded messages: what concerns one connection only is left out (RFC 9110 section 7.6.1),
/// the body is framed anew, and the gateway names itself.
enum ForwardedHead {
    /// What the gateway adds to each message.
    private static let via = Array("Via: 1.1 rollcall\r\n".utf8)
    private static let proto = Array("X-Forwarded-Proto: http\r\n".utf8)

    /// What of a request is told to the instance besides its fields.
    struct RequestOptions {
        /// How many bytes of the target the service does not see.
        var stripped: Int
        /// Whether a WebSocket is asked for.
        var upgrades = false
        /// Whether the instance is asked first whether it wants the body.
        var expectsContinue = false
        /// Whether the client's `X-Forwarded-Host` and `X-Forwarded-Proto` are kept.
        var trustsForwardedFields = false
    }

    /// Writes the head of a request.
    static func write(
        _ exchange: HTTPExchange,
        to upstream: Upstream,
        _ options: RequestOptions,
        into output: inout [UInt8]
    ) {
        let head = exchange.head
        output.append(contentsOf: head.method.utf8)
        output.append(UInt8(ascii: " "))
        output.append(contentsOf: upstream.prefix)
        let rest = head.target.utf8.dropFirst(options.stripped)
        if rest.first != UInt8(ascii: "/") { output.append(UInt8(ascii: "/")) }
        output.append(contentsOf: rest)
        output.append(contentsOf: " HTTP/1.1\r\n".utf8)
        output.append(contentsOf: upstream.hostLine)
        let keeps = FieldFilter(head.fields)
        let trusts = options.trustsForwardedFields
        head.fields.write(to: &output) { index in
            switch head.fields.kind(at: index) {
            case .host, .expect, .forwardedFor: false
            case .forwardedHost, .forwardedProto: trusts
            default: keeps(index)
            }
        }
        self.writeForwarded(exchange, trusts: trusts, into: &output)
        output.append(contentsOf: self.via)
        self.writeFraming(exchange.framing, into: &output)
        if options.upgrades { output.append(contentsOf: "Connection: Upgrade\r\nUpgrade: websocket\r\n".utf8) }
        if options.expectsContinue { output.append(contentsOf: "Expect: 100-continue\r\n".utf8) }
        output.append(0x0D)
        output.append(0x0A)
    }

    private static func writeForwarded(_ exchange: HTTPExchange, trusts: Bool, into output: inout [UInt8]) {
        let fields = exchange.head.fields
        output.append(contentsOf: "X-Forwarded-For: ".utf8)
        if fields.contains(.forwardedFor) {
            for index in fields.indices where fields.kind(at: index) == .forwardedFor {
                fields.writeValue(at: index, to: &output)
                output.append(contentsOf: ", ".utf8)
            }
        }
        output.append(contentsOf: exchange.connection.peerHost)
        output.append(0x0D)
        output.append(0x0A)
        if !trusts || !fields.contains(.forwardedHost),
            let index = fields.indices.first(where: { fields.kind(at: $0) == .host })
        {
            output.append(contentsOf: "X-Forwarded-Host: ".utf8)
            fields.writeValue(at: index, to: &output)
            output.append(0x0D)
            output.append(0x0A)
        }
        if !trusts || !fields.contains(.forwardedProto) { output.append(contentsOf: self.proto) }
    }

    /// Writes the head of a response.
    ///
    /// - Parameters:
    ///   - head: The instance's.
    ///   - framing: How the client is told of the end of its body.
    ///   - exchange: The request that it answers.
    ///   - output: Where to write it.
    static func write(
        _ head: ResponseHead,
        framing: BodyFraming,
        for exchange: HTTPExchange,
        into output: inout [UInt8]
    ) {
        self.writeStatusLine(head, into: &output)
        let keeps = FieldFilter(head.fields)
        head.fields.write(to: &output, where: keeps.callAsFunction)
        guard head.status >= 200 else {
            if head.status == 101 { output.append(contentsOf: "Connection: Upgrade\r\nUpgrade: websocket\r\n".utf8) }
            output.append(contentsOf: self.via)
            return output.append(contentsOf: "\r\n".utf8)
        }
        if !head.fields.contains(.date) { HTTPDate.write(to: &output) }
        output.append(contentsOf: self.via)
        self.writeFraming(framing, into: &output)
        // To `HEAD`, and with 304, the length is that of a body that does not come.
        if framing == .none, head.status != 204, let length = head.fields.number(.contentLength) {
            self.writeFraming(.length(length), into: &output)
        }
        if exchange.closesConnection {
            output.append(contentsOf: "Connection: close\r\n".utf8)
        } else if exchange.head.isVersion10 {
            output.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        output.append(0x0D)
        output.append(0x0A)
    }

    private static func writeStatusLine(_ head: ResponseHead, into output: inout [UInt8]) {
        guard head.status != 200 || head.reason != "OK" else {
            return output.append(contentsOf: "HTTP/1.1 200 OK\r\n".utf8)
        }
        let isClean = head.reason.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        let reason = isClean ? head.reason : ResponseHead.reason(of: head.status)
        output.append(contentsOf: "HTTP/1.1 \(head.status) \(reason)\r\n".utf8)
    }

    private static func writeFraming(_ framing: BodyFraming, into output: inout [UInt8]) {
        switch framing {
        case .none, .untilClose: break
        case .chunked: output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        case .length(let count):
            output.append(contentsOf: "Content-Length: ".utf8)
            BodyWriter.writeDecimal(count, to: &output)
            output.append(0x0D)
            output.append(0x0A)
        }
    }
}

/// Which fields go on to the other connection.
struct FieldFilter {
    private let fields: HeaderFields
    /// Names that `Connection` lists, in lower case.
    private let named: [[UInt8]]

    /// Takes note of what `Connection` lists.
    init(_ fields: HeaderFields) {
        self.fields = fields
        var named: [[UInt8]] = []
        _ = fields.containsWord(in: .connection) { word in
            switch KnownField(word) {
            case .other, .via, .date, .expect, .forwardedFor, .forwardedHost, .forwardedProto:
                named.append(word.map(\.asLowerCase))
            default: break
            }
            return false
        }
        // The one word that is no field's name, and the usual one in front of HTTP/1.1 servers.
        self.named = named.filter { !$0.elementsEqual("close".utf8) }
    }

    /// Whether the field goes on; those that frame the body do not, as it is framed anew.
    func callAsFunction(_ index: Int) -> Bool {
        switch self.fields.kind(at: index) {
        case .connection, .keepAlive, .proxy, .te, .trailer, .transferEncoding, .upgrade, .contentLength: false
        default: self.named.isEmpty || !self.named.contains(self.fields.lowerCaseName(at: index))
        }
    }
}
