import HTTPEngine
import Rollcall
import Testing

@Suite("Hub API: bad addresses, queries and bodies", .timeLimit(.minutes(2)), .serialized)
struct BadInputTests {
    private static let web1 = "/v1/services/web/instances/web-1"
    private static let minimal = #"{"endpoints":["http://127.0.0.1:8080"]}"#

    private func check(_ refusals: [Refusal]) async throws {
        try await withHub { hub in
            try await hub.register("web-1")
            let before = try await hub.call("GET", "/v1/services/web").json
            for refusal in refusals { try await refusal.check(at: hub) }
            #expect(try await hub.call("GET", "/v1/services/web").json == before, "nothing of it was done")
            #expect(try await hub.call("GET", "/v1/services").json["services"]?.list.count == 1)
        }
    }

    @Test("names in paths")
    func paths() async throws {
        let bad = [
            "", "%", "%4", "%zz", "%4g", "a%", "%FF", "%C3%28", "%ED%A0%80", "a%00b", "%0A", "%7F", "%C2%85", "a*",
            "%2A", String(repeating: "x", count: 129), String(repeating: "%C3%B6", count: 65),
        ]
        var refusals: [Refusal] = []
        for name in bad {
            refusals.append(Refusal("GET", "/v1/services/\(name)", field: "service"))
            refusals.append(Refusal("GET", "/v1/services/\(name)/instances/x", field: "service"))
            refusals.append(Refusal("PUT", "/v1/services/web/instances/\(name)", Self.minimal, field: "id"))
            refusals.append(Refusal("PATCH", "/v1/services/web/instances/\(name)", "{}", field: "id"))
            refusals.append(Refusal("DELETE", "/v1/services/web/instances/\(name)", field: "id"))
            refusals.append(Refusal("PUT", "/v1/services/web/instances/\(name)/lease", field: "id"))
        }
        try await self.check(refusals)
    }

    @Test("names of the greatest length are taken")
    func longest() async throws {
        try await withHub { hub in
            let name = String(repeating: "x", count: 128)
            try await hub.register(name, of: name, query: "?ns=\(name)")
            #expect(try await hub.call("GET", "/v1/services/\(name)?ns=\(name)").ids == [name])
        }
    }

    @Test("what there is no address for")
    func unknownPaths() async throws {
        var refusals = [
            "/v1", "/v1/", "/v2/services", "/V1/services", "/Services", "/services/", "//", "//v1/services", "/livez/",
            "/v1/services/web/x",
            "/v1/services/web/instances", "/v1/services/web/instances/a/b", "/v1/services/web/instances/a/lease/b",
            "/v1/leases", "/v1/leases/renew/", "/v1/watch/web", "/v1/configs", "/v1/locks", "/v1/locks/a/b",
            "/v1/config-batch/a", "/..", "/%2e%2e",
            "http://127.0.0.1/livez", "*", "livez",
        ].map { Refusal("GET", $0, field: nil) }
        refusals += ["PUT", "POST", "DELETE", "BREW"].map { Refusal($0, "/nowhere", field: nil) }
        for index in refusals.indices {
            refusals[index].status = 404
            refusals[index].code = "notFound"
        }
        try await self.check(refusals)
    }

    @Test("queries and headers")
    func queries() async throws {
        let service = "/v1/services/web?"
        var refusals = [
            ("statsu=passing", "statsu"), ("prefix=a", "prefix"), ("ttl=1s", "ttl"), ("%zz=1", "query"), ("=", ""),
            ("zone=%f", "zone"), ("zone=%FF", "zone"), ("status=bogus", "status"), ("status=", "status"),
            ("version=one", "version"), ("version=", "version"), ("version=%5E", "version"), ("wait=soon", "wait"),
            ("wait=-1s", "wait"), ("wait=10", "wait"), ("wait=", "wait"), ("wait=1d", "wait"), ("wait=1..2s", "wait"),
            ("wait=9999999999999h", "wait"), ("revision=-1", "revision"), ("revision=one", "revision"),
            ("revision=1.5", "revision"), ("revision=", "revision"), ("revision=99999999999999999999", "revision"),
            ("wait=1s&revision=x", "revision"), ("ns=", "ns"), ("ns=a%00b", "ns"), ("ns=a*", "ns"), ("ns=%zz", "ns"),
            ("ns=" + String(repeating: "x", count: 129), "ns"), ("metadata=x", "metadata"),
            ("zone=a&zone=b", "zone"), ("version=*&version=*", "version"), ("wait=1s&wait=2s", "wait"),
            ("revision=1&revision=2", "revision"), ("epoch=a&epoch=b", "epoch"), ("ns=a&ns=b", "ns"),
            ("metadata.k=a&metadata.k=b", "metadata.k"), ("status=passing&status=bogus", "status"),
        ].map { Refusal("GET", service + $0.0, field: $0.1.isEmpty ? nil : $0.1) }
        refusals += [
            Refusal("GET", "/v1/services?status=passing", field: "status"),
            Refusal("GET", "/v1/services?prefix=a&prefix=b", field: "prefix"),
            Refusal("PUT", Self.web1 + "?ttl=1s&ttl=2s", Self.minimal, field: "ttl"),
            Refusal("GET", "/v1/watch?service=a&names=true&names=false", field: "names"),
            Refusal("POST", "/services?ns=team", #"{"Name":"web","Addr":"127.0.0.1:1"}"#, field: "ns"),
            Refusal("DELETE", "/services?ns=team", #"{"Name":"web","Addr":"127.0.0.1:1"}"#, field: "ns"),
            Refusal("POST", "/services?name=x", #"{"Name":"web","Addr":"127.0.0.1:1"}"#, field: "name"),
            Refusal("GET", Self.web1 + "?wait=1s", field: "wait"),
            Refusal("PATCH", Self.web1 + "?ttl=1s", "{}", field: "ttl"),
            Refusal("DELETE", Self.web1 + "?force=true", field: "force"),
            Refusal("PUT", Self.web1 + "/lease?ttl=1s", field: "ttl"),
            Refusal("POST", "/v1/leases/renew?all", #"{"leases":[]}"#, field: "all"),
            Refusal("GET", "/v1/watch", field: "service"),
            Refusal("GET", "/v1/watch?names=false", field: "service"),
            Refusal("GET", "/v1/watch?service=web&names=maybe", field: "names"),
            Refusal("GET", "/v1/watch?service=", field: "service"),
            Refusal("GET", "/v1/watch?service=a*b", field: "service"),
            Refusal("GET", "/v1/watch?service=a**", field: "service"),
            Refusal("GET", "/v1/watch?service=%00", field: "service"),
            Refusal("GET", "/v1/watch?srevice=web", field: "srevice"),
            Refusal("GET", "/v1/watch?" + String(repeating: "service=a&", count: 1025), field: "service"),
            Refusal("POST", "/v1/watch?service=web", #"{"services":{"web":0}}"#, field: "service"),
        ]
        for path in ["/", "/livez", "/readyz", "/metrics", "/openapi.yaml", "/v1/status"] {
            refusals.append(Refusal("GET", path + "?x=1", field: "x"))
        }
        for ttl in ["0s", "0ms", "-1s", "-10m", "0.00001ms", "x", "", "10", "s", "1e9s", "99999999999999h", "1,5s"] {
            refusals.append(Refusal("PUT", Self.web1 + "?ttl=\(ttl)", Self.minimal, field: "ttl"))
        }
        var header = Refusal("GET", "/v1/services/web", field: "ns")
        header.headers = ["Rollcall-Namespace": "a*"]
        var secret = Refusal("PUT", Self.web1, Self.minimal, field: "Rollcall-Lease")
        secret.headers = ["Rollcall-Lease": ""]
        try await self.check(refusals + [header, secret])
    }

    @Test("documents that describe an instance")
    func instances() async throws {
        func document(_ member: String) -> String { #"{"endpoints":["http://127.0.0.1:8080"],\#(member)}"# }
        let many = (0..<49).map { #""k\#($0)":"v""# }.joined(separator: ",")
        let tags = (0..<33).map { #""t\#($0)""# }.joined(separator: ",")
        let syntax: [(String, String?)] = [
            ("", nil), (" ", nil), ("{", nil), ("}", nil), ("[]", nil), ("null", nil), ("\"x\"", nil), ("1", nil),
            ("{}}", "endpoints"), (Self.minimal + "x", nil), (Self.minimal + Self.minimal, nil),
            ("{'endpoints':[]}", nil),
            (#"{"endpoints":["http://127.0.0.1:8080"],}"#, nil), ("\u{FEFF}" + Self.minimal, nil),
            (#"{"endpoints" ["http://127.0.0.1:8080"]}"#, nil), ("{}", "endpoints"),
            (#"{"endpoints":[]}"#, "endpoints"), (#"{"endpoints":"http://a:1"}"#, "endpoints"),
            (#"{"endpoints":[1]}"#, "endpoints[0]"), (#"{"endpoints":["http://a:1","nonsense"]}"#, "endpoints[1]"),
            (#"{"endpoints":["http://user:word@a:1"]}"#, "endpoints[0]"), (#"{"endpoints":null}"#, "endpoints"),
        ]
        let members: [(String, String?)] = [
            (#""weight":-1"#, "weight"), (#""weight":65536"#, "weight"), (#""weight":1.5"#, "weight"),
            (#""weight":"1""#, "weight"), (#""weight":1e400"#, "weight"), (#""weight":99999999999999999999"#, "weight"),
            (#""tags":"a""#, "tags"), (#""tags":[""]"#, "tags[0]"), (#""tags":[1]"#, "tags[0]"),
            ("\"tags\":[\(tags)]", "tags"), (#""tags":["\u0007"]"#, "tags[0]"), (#""zone":"""#, "zone"),
            (#""zone":"a\nb""#, "zone"), (#""zone":"\ud800""#, "zone"), (#""zone":{}"#, "zone"),
            (#""version":"one""#, "version"), (#""version":1"#, "version"), (#""metadata":[]"#, "metadata"),
            (#""metadata":{"k":1}"#, "metadata.k"), (#""metadata":{"k":"a\u0000"}"#, "metadata.k"),
            (#""metadata":{"":"v"}"#, "metadata."), ("\"metadata\":{\(many)}", "metadata"), (#""schema":2"#, "schema"),
            (#""service":"other""#, "service"), (#""service":"""#, "service"), (#""id":"other""#, "id"),
            (#""id":7"#, "id"), (#""requires":["a*"]"#, "requires[0]"), (#""requires":"log""#, "requires"),
            (#""status":5"#, "status"), (#""status":"bogus""#, "status"), (#""status":"""#, "status"),
            (#""registeredAt":"yesterday""#, "registeredAt"),
            ("\"zone\":\"\(String(repeating: "z", count: 129))\"", "zone"),
            ("\"metadata\":{\"k\":\"\(String(repeating: "v", count: 9000))\"}", nil),
            ("\"deep\":" + String(repeating: "[", count: 10_000), "deep" + String(repeating: "[0]", count: 31)),
            ("\"deep\":" + String(repeating: #"{"a":"#, count: 40), "deep" + String(repeating: ".a", count: 31)),
        ]
        let documents = syntax + members.map { (document($0.0), $0.1) }
        try await self.check(documents.map { Refusal("PUT", Self.web1, $0.0, field: $0.1) })
    }

    @Test("documents that describe a change, leases, a stream")
    func otherDocuments() async throws {
        let changes: [(String, String?)] = [
            ("", nil), ("[]", nil), ("{", nil), (#"{"status":"bogus"}"#, "status"), (#"{"status":null}"#, "status"),
            (#"{"weight":-1}"#, "weight"), (#"{"weight":null}"#, "weight"), (#"{"tags":[""]}"#, "tags[0]"),
            (#"{"metadata":{"k":1}}"#, "metadata.k"), (#"{"metadata":{"k":"\u0000"}}"#, "metadata.k"),
            (#"{"tags":{}}"#, "tags"),
        ]
        let leases: [(String, String?)] = [
            ("", nil), ("{}", "leases"), (#"{"leases":{}}"#, "leases"), (#"{"leases":[{}]}"#, "leases[0].service"),
            (#"{"leases":[{"service":"web"}]}"#, "leases[0].id"),
            (#"{"leases":[{"service":"web","id":"a"}]}"#, "leases[0].secret"),
            (#"{"leases":[{"service":"web","id":"a","secret":""}]}"#, "leases[0].secret"),
            (
                "{\"leases\":[{\"service\":\"web\",\"id\":\"a\",\"secret\":\"\(String(repeating: "s", count: 513))\"}]}",
                "leases[0].secret"
            ),
            (#"{"leases":[{"service":"","id":"a","secret":"s"}]}"#, "leases[0].service"),
            (#"{"leases":[{"service":"web","id":"a*","secret":"s"}]}"#, "leases[0].id"),
            (#"{"leases":[{"service":"web","id":"a","secret":"s"},7]}"#, "leases[1]"),
        ]
        let many = (0..<1025).map { #""s\#($0)":0"# }.joined(separator: ",")
        let wishes: [(String, String?)] = [
            ("", nil), ("[]", nil), ("{}", "services"), (#"{"services":{}}"#, "services"),
            (#"{"services":[]}"#, "services"), (#"{"services":{"web":-1}}"#, "services.web"),
            (#"{"services":{"web":"1"}}"#, "services.web"), (#"{"services":{"web":0.5}}"#, "services.web"),
            (#"{"services":{"web":99999999999999999999}}"#, "services.web"),
            (#"{"services":{"a*b":0}}"#, "services.a*b"), (#"{"services":{"":0}}"#, "services"),
            (#"{"epoch":1,"services":{"web":0}}"#, "epoch"), (#"{"names":1}"#, "names"),
            ("{\"services\":{\(many)}}", "services"),
        ]
        try await self.check(
            changes.map { Refusal("PATCH", Self.web1, $0.0, field: $0.1) }
                + leases.map { Refusal("POST", "/v1/leases/renew", $0.0, field: $0.1) }
                + wishes.map { Refusal("POST", "/v1/watch", $0.0, field: $0.1) }
        )
    }

    @Test("bodies over the limit, in one piece and in chunks")
    func tooLarge() async throws {
        @Sendable func blanks(_ count: Int) -> String { String(repeating: " ", count: count) }
        var refusals = [
            Refusal("PUT", Self.web1, Self.minimal + blanks(32768), field: nil),
            Refusal("PATCH", Self.web1, blanks(32769), field: nil),
            Refusal("POST", "/v1/leases/renew", blanks(4 << 20 + 1), field: nil),
            Refusal("POST", "/v1/watch", blanks(1 << 20 + 1), field: nil),
        ]
        for index in refusals.indices {
            refusals[index].status = 413
            refusals[index].code = "tooLarge"
        }
        try await self.check(refusals)
        try await withHub { hub in
            try await hub.register("web-1", Self.minimal + blanks(32000))
            let head = "PUT \(Self.web1) HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            let chunk = "1000\r\n\(blanks(0x1000))\r\n"
            let answer = try await hub.raw(head + String(repeating: chunk, count: 9))
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            let announced = "PUT \(Self.web1) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000000\r\n\r\n"
            let refused = try await hub.raw(announced + blanks(40_000))
            #expect(refused.hasPrefix("HTTP/1.1 413 "))
            #expect(refused.contains(#""code":"tooLarge""#))
        }
    }

    @Test("content types")
    func contentTypes() async throws {
        var refusals: [Refusal] = []
        for type in [
            "text/plain", "application/xml", "application/yaml", "multipart/form-data; boundary=x", "json", "",
        ] {
            for (method, target, body) in [
                ("PUT", Self.web1, Self.minimal), ("PATCH", Self.web1, "{}"),
                ("POST", "/v1/leases/renew", #"{"leases":[]}"#), ("POST", "/v1/watch", #"{"services":{"web":0}}"#),
            ] {
                var refusal = Refusal(method, target, body, field: "Content-Type")
                refusal.headers = ["Content-Type": type]
                refusal.status = 415
                refusals.append(refusal)
            }
        }
        try await self.check(refusals)
        try await withHub { hub in
            for type in ["application/json", "Application/JSON ; charset=utf-8", "application/x-www-form-urlencoded"] {
                let answer = try await hub.call("PUT", Self.web1, Self.minimal, headers: ["Content-Type": type])
                #expect(answer.status == 200)
            }
        }
    }
}
