import Rollcall
import Testing

@Suite("HostAndPort", .timeLimit(.minutes(1)))
struct HostAndPortTests {
    @Test(
        "every form is read, and written so that it reads back as the same",
        arguments: [
            ("db.internal:5432", "db.internal", 5432, "db.internal:5432"), ("10.0.0.7", "10.0.0.7", nil, "10.0.0.7"),
            (":5454", "", 5454, ":5454"), (":0", "", 0, ":0"), ("a:65535", "a", 65535, "a:65535"),
            ("[::1]:80", "::1", 80, "[::1]:80"), ("[::1]", "::1", nil, "::1"), ("::1", "::1", nil, "::1"),
            ("::", "::", nil, "::"), ("::1:80", "::1:80", nil, "::1:80"), ("[::]:0", "::", 0, "[::]:0"),
            ("fe80::1%eth0", "fe80::1%eth0", nil, "fe80::1%eth0"),
            ("[::ffff:10.0.0.1]:9", "::ffff:10.0.0.1", 9, "[::ffff:10.0.0.1]:9"),
            ("http://host:80/x", "host", 80, "host:80"), ("http://host", "host", 80, "host:80"),
            ("HTTPS://host/?q#f", "host", 443, "host:443"), ("grpc://h", "h", 50051, "h:50051"),
            ("tcp://host", "host", nil, "host"), ("http://[2001:db8::1]:8080/a:b@c", "2001:db8::1", 8080, nil),
            ("http://host?x=http://other:1", "host", 80, "host:80"),
        ] as [(String, String, Int?, String?)]
    )
    func forms(_ text: String, _ host: String, _ port: Int?, _ written: String?) throws {
        let address = try HostAndPort(text)
        #expect(address.host == host)
        #expect(address.port == port)
        if let written { #expect(address.description == written) }
        #expect(try HostAndPort(address.description) == address)
        #expect(try HostAndPort(host: host, port: port) == address)
    }

    @Test(
        "what is no address is refused, with the field, the value and the rule",
        arguments: [
            ("", "neither a host nor a port"), (":", "no number from 0 to 65535"), ("a:", "no number"),
            ("a:65536", "no number"), ("a:-1", "no number"), ("a:+1", "no number"), ("a: 80", "no number"),
            ("a:080", "no number"), ("a:99999999999999999999", "no number"), ("a:٣", "no number"),
            ("a:80:90", "brackets"), ("2001:db8::zz", "brackets"), ("a b:80", "neither a host name nor an address"),
            (" a:80", "neither"), ("a:80 ", "no number"), ("a/b", "neither"), ("[::1", "without its ']'"),
            ("[::1]80", "behind the address"), ("[::1]:", "no number"), ("[a]:80", "no IPv6 address"),
            ("[]:80", "no IPv6 address"), ("[[::1]]:80", "no IPv6 address"), ("://a:80", "scheme"),
            ("1http://a", "scheme"), ("http://", "has no host"), ("http://:80/", "has no host"),
            ("file:///x", "has no host"), ("http://::1/", "brackets"), ("http://a/b c", "space"),
            ("http://a\n:80", "control character"), ("a\u{0}:80", "neither"), ("unix:///run/web.sock", "has no host"),
            ("a:\u{301}80", "no number"),
        ]
    )
    func refused(_ text: String, _ rule: String) throws {
        let error = try #require(throws: ValidationError.self) { try HostAndPort(text, field: "listen") }
        #expect(error.field == "listen")
        #expect(error.message.contains(rule), "\(error)")
        #expect(error.message.hasPrefix("\"") || error.message.hasPrefix("the host \""), "\(error)")
    }

    @Test("a password is refused and never repeated", arguments: ["u:secret@h:1", "http://u:secret@h/", "secret@h"])
    func passwords(_ text: String) throws {
        for text in [text, text + String(repeating: "x", count: 3000), "1" + text] {
            let error = try #require(throws: ValidationError.self) { try HostAndPort(text) }
            #expect(!error.description.contains("secret"))
        }
    }

    @Test("texts and hosts have a greatest length")
    func lengths() throws {
        #expect(throws: ValidationError.self) { try HostAndPort(String(repeating: "a", count: 256)) }
        let error = try #require(throws: ValidationError.self) {
            try HostAndPort("http://a/" + String(repeating: "x", count: 2048))
        }
        #expect(error.limit == 2048)
        #expect(try HostAndPort("http://a/" + String(repeating: "x", count: 2039)).port == 80)
    }

    @Test("parts are checked as the text is")
    func parts() throws {
        #expect(throws: ValidationError.self) { try HostAndPort(host: "", port: nil) }
        #expect(throws: ValidationError.self) { try HostAndPort(host: "a", port: 65536) }
        #expect(throws: ValidationError.self) { try HostAndPort(host: "a", port: -1) }
        #expect(throws: ValidationError.self) { try HostAndPort(host: "a b", port: 1) }
        #expect(throws: ValidationError.self) { try HostAndPort(host: "[::1]", port: 1) }
    }

    @Test("the port of a text and of an endpoint is told, and that there is none")
    func ports() throws {
        #expect(try HostAndPort.port(of: ":5454") == 5454)
        #expect(try HostAndPort.port(of: "https://[::1]/x") == 443)
        let error = try #require(throws: ValidationError.self) { try HostAndPort.port(of: "::1", field: "listen") }
        #expect(error.description == "listen: \"::1\" names no port")
        #expect(try HostAndPort(Endpoint("grpc://[::1]")).description == "[::1]:50051")
        let unix = try Endpoint("unix:///run/web.sock")
        #expect(throws: ValidationError.self) { try HostAndPort(unix) }
    }

    @Test("random bytes are read or refused, and what is read reads back as the same", arguments: 0..<8)
    func fuzz(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let alphabet = Array("[]:./%@?#-0123456789abcdefxhttp \u{0}é\u{301}".utf8)
        var readable = 0
        for round in 0..<5000 {
            let count = Int.random(in: 0...24, using: &generator)
            let bytes = (0..<count).map { _ in
                round % 2 == 0
                    ? alphabet.randomElement(using: &generator) ?? 0 : UInt8.random(in: 0...255, using: &generator)
            }
            guard let address = try? HostAndPort(String(decoding: bytes, as: UTF8.self)) else { continue }
            readable += 1
            #expect(try HostAndPort(address.description) == address)
        }
        #expect(readable > 0)
    }
}
