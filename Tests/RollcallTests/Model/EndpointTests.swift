import Rollcall
import Testing

@Suite("Endpoint", .timeLimit(.minutes(1)))
struct EndpointTests {
    @Test(
        "an endpoint is read from its URL and written as one",
        arguments: [
            ("http://10.0.0.7:8080", "http", "10.0.0.7", 8080, "", "10.0.0.7:8080"),
            ("http://host", "http", "host", 80, "", "host:80"),
            ("HTTPS://host/", "https", "host", 443, "", "host:443"),
            ("grpc://[2001:db8::1]:9090", "grpc", "2001:db8::1", 9090, "", "[2001:db8::1]:9090"),
            ("grpc://[::1]", "grpc", "::1", 50051, "", "[::1]:50051"),
            ("tcp://[fe80::1%eth0]:1", "tcp", "fe80::1%eth0", 1, "", "[fe80::1%eth0]:1"),
            ("http://[::ffff:10.0.0.1]:80", "http", "::ffff:10.0.0.1", 80, "", "[::ffff:10.0.0.1]:80"),
            ("https://a.b-c_d~e/v1/x:y@z", "https", "a.b-c_d~e", 443, "/v1/x:y@z", "a.b-c_d~e:443"),
            ("unix:///run/web.sock", "unix", "", 0, "/run/web.sock", "/run/web.sock"),
        ]
    )
    func reading(text: String, scheme: String, host: String, port: Int, path: String, authority: String) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.scheme == scheme)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.path == path)
        #expect(endpoint.authority == authority)
        #expect(try Endpoint(endpoint.description) == endpoint)
    }

    @Test(
        "what is no endpoint is refused",
        arguments: [
            "", "host:80", "http:host", "://host", "1http://host", "http://", "http://:80", "http://host:0",
            "http://host:65536", "http://host:", "http://host:8o", "http://host:-1", "http://host:+1",
            "http://2001:db8::1:80", "http://[::1", "http://[::1]x", "http://[::1::2]", "http://[12345::]",
            "http://[1:2:3:4:5:6:7:8:9]", "http://[1:2:3:4:5:6:7]", "http://[::1%]", "http://[1.2.3.4]",
            "http://[::1.2.3.256]", "http://[:::]", "http://a b", "http://a?x", "http://a/?x", "http://a/#x",
            "http://a/b c", "http://a/\u{1}", "tcp://host", "unix://host/x", "unix:///", "http://ho\u{0}st",
            "http://" + String(repeating: "a", count: 256), "http://a/" + String(repeating: "a", count: 2048),
        ]
    )
    func refusing(_ text: String) {
        let error = #expect(throws: ValidationError.self) { try Endpoint(text) }
        #expect(error?.field == "endpoint")
    }

    @Test(
        "a password is refused and does not stand in the message",
        arguments: [
            "http://user:hunter2@host", "user:hunter2@db:5432", "http:/user:hunter2@host", "http://user:hunter2@[::1",
        ]
    )
    func password(_ text: String) {
        let error = #expect(throws: ValidationError.self) { try Endpoint(text) }
        #expect(error?.message.contains("hunter2") == false)
        let part = #expect(throws: ValidationError.self) { try Endpoint(scheme: "tcp", host: "u:hunter2@h", port: 1) }
        #expect(part?.message.contains("hunter2") == false)
    }

    @Test("what is accepted has a text form that is accepted", arguments: 2030...2048)
    func longest(_ count: Int) {
        let text = "grpc://h/" + String(repeating: "a", count: count - 9)
        guard let endpoint = try? Endpoint(text) else {
            #expect(count > 2042, "with the usual port written out, 2042 bytes become 2048")
            return
        }
        #expect((try? Endpoint(endpoint.description)) == endpoint)
    }

    @Test("an endpoint of parts has the same limit")
    func longParts() {
        let path = "/" + String(repeating: "a", count: 4096)
        #expect(throws: ValidationError.self) { try Endpoint(scheme: "http", host: "h", path: path) }
        #expect(throws: ValidationError.self) { try Endpoint(scheme: "unix", host: "", path: path) }
    }
}
