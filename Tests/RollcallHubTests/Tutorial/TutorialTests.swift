import HTTPEngine
import Rollcall
import RollcallHub
import RollcallHubClient
import RollcallTesting
import Testing

@Suite("Tutorial protocol", .timeLimit(.minutes(1)))
struct TutorialTests {
    @Test("what registers this way is seen every way, and the answer lists what is required")
    func registration() async throws {
        let (log, visits) = (try TutorialProgram(), try TutorialProgram())
        try await withTutorialHub { hub, client, origin in
            try await running(log) {
                try await running(visits) {
                    #expect(try await post(log.document("log"), client, origin) == (200, "{}"))
                    let answer = try await post(
                        visits.document("visits", requires: ["log", "mail"]),
                        client,
                        origin
                    )
                    let entry = #"{"Name":"log","Addr":"\#(log.address)","RequiredServices":[]}"#
                    #expect(answer.text == #"{"log":[\#(entry)],"mail":[]}"#)
                    let driver = try HubBackend(url: "hub://\(origin)")
                    let seen = try await driver.instances(of: ServiceName("visits")).instances
                    #expect(seen.map(\.endpoint.description) == ["http://\(visits.address)"])
                    #expect(seen.first?.requires.map(\.text) == ["log", "mail"])
                    // Again changes nothing but the time.
                    _ = try await post(log.document("log"), client, origin)
                    #expect(try hub.ids(of: "log") == [log.address])
                    let gone = try await post(log.document("log"), client, origin, method: "DELETE")
                    #expect(gone.status == 200)
                    #expect(try hub.ids(of: "log").isEmpty)
                }
            }
        }
    }

    @Test("dependents are told of those who come and go, whichever way they registered")
    func pushes() async throws {
        let (visits, log) = (try TutorialProgram(), try TutorialProgram())
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                try await running(log) {
                    _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                    _ = try await post(log.document("log"), client, origin)
                    try await eventually {
                        visits.known == [log.address]
                    }
                    let driver = try HubBackend(url: "hub://\(origin)")
                    let other = try ServiceInstance(
                        service: ServiceName("log"),
                        id: InstanceID("other"),
                        endpoints: [Endpoint("http://127.0.0.1:9")]
                    )
                    let lease = try await driver.register(other, ttl: .seconds(30))
                    try await eventually { visits.known.count == 2 }
                    try await lease.revoke()
                    _ = try await post(log.document("log"), client, origin, method: "DELETE")
                    try await eventually { visits.known.isEmpty }
                    #expect(visits.pushes.count == 4)
                }
            }
        }
    }

    @Test("a killed program is gone within one sweep, and its dependents are told")
    func death() async throws {
        let (visits, log) = (try TutorialProgram(), try TutorialProgram())
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                try await running(log) {
                    _ = try await post(log.document("log"), client, origin)
                    try await eventually {
                        visits.known == [log.address] && log.beats >= 2
                    }
                }
                try await eventually { visits.known.isEmpty }
                #expect(try hub.ids(of: "log").isEmpty)
                #expect(try hub.ids(of: "visits") == [visits.address])
            }
        }
    }

    @Test("dead ones in a crowd, and one that accepts and never answers, hold nobody up")
    func crowd() async throws {
        let (visits, log) = (try TutorialProgram(), try TutorialProgram())
        let silent = try TCPListener(host: "127.0.0.1", port: 0)
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                try await running(log) {
                    let mute = #"{"Name":"visits","Addr":"\#(silent.address)","RequiredServices":["log"]}"#
                    _ = try await post(Array(mute.utf8), client, origin)
                    for port in 1...12 {
                        let dead = #"{"Name":"visits","Addr":"127.0.0.1:\#(port)","RequiredServices":["log"]}"#
                        _ = try await post(Array(dead.utf8), client, origin)
                    }
                    _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                    _ = try await post(log.document("log"), client, origin)
                    try await eventually { visits.known == [log.address] }
                    try await eventually {
                        try hub.ids(of: "visits") == [visits.address]
                    }
                }
            }
        }
    }

    @Test("a program may register before it listens")
    func early() async throws {
        let program = try TutorialProgram()
        try await withTutorialHub(period: .seconds(5)) { hub, client, origin in
            // Nothing listens at port 9 for several checks; the period has not passed, so that counts for nothing.
            let early = #"{"Name":"early","Addr":"127.0.0.1:9","RequiredServices":[]}"#
            _ = try await post(Array(early.utf8), client, origin)
            try await running(program) {
                _ = try await post(program.document("other"), client, origin)
                try await eventually { program.beats >= 1 }
                #expect(try hub.ids(of: "early") == ["127.0.0.1:9"])
            }
        }
    }

    @Test("a dependent that fails is told again, each thing once")
    func retries() async throws {
        let (visits, log) = (try TutorialProgram(pushFailures: 2), try TutorialProgram())
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                try await running(log) {
                    _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                    _ = try await post(log.document("log"), client, origin)
                    try await eventually { visits.known == [log.address] }
                }
            }
        }
    }

    @Test(
        "bad input is refused",
        arguments: [
            ("", 400, ""), ("[]", 400, ""), (#"{"Addr":"127.0.0.1:1"}"#, 400, "Name"), (#"{"Name":"a"}"#, 400, "Addr"),
            (#"{"Name":"","Addr":"127.0.0.1:1"}"#, 400, "Name"), (#"{"Name":"a","Addr":"127.0.0.1"}"#, 400, "Addr"),
            (#"{"Name":"a","Addr":"127.0.0.1:99999"}"#, 400, "Addr"), (#"{"Name":"a","Addr":"u@h:1"}"#, 400, "Addr"),
            (#"{"Name":"a","Addr":"h:1/path"}"#, 400, "Addr"), (#"{"Name":"a","Addr":7}"#, 400, "Addr"),
            (#"{"Name":"a","Addr":"169.254.169.254:80"}"#, 403, ""),
            (#"{"Name":"a","Addr":"[::ffff:169.254.169.254]:80"}"#, 403, ""),
        ] as [(String, Int, String)]
    )
    func badInput(_ document: String, _ status: Int, _ field: String) async throws {
        try await withTutorialHub { hub, client, origin in
            let answer = try await post(Array(document.utf8), client, origin)
            #expect(answer.status == status, "\(answer.text)")
            if !field.isEmpty { #expect(answer.text.contains("\"field\":\"\(field)\""), "\(answer.text)") }
            #expect(try hub.store.services(in: .default).isEmpty)
        }
    }

    @Test("other methods, and what is not there")
    func methods() async throws {
        try await withTutorialHub { _, client, origin in
            let unknown = Array(#"{"Name":"a","Addr":"127.0.0.1:1","RequiredServices":null}"#.utf8)
            let sibling = Array(#"{"Name":"a","Addr":"127.0.0.1:2"}"#.utf8)
            var statuses: [Int] = []
            for (document, method) in [(unknown, "DELETE"), (unknown, "PUT"), (unknown, "POST"), (sibling, "DELETE")] {
                statuses.append(try await post(document, client, origin, method: method).status)
            }
            #expect(statuses == [404, 405, 200, 200])
        }
    }

    @Test("ranges of addresses")
    func rules() throws {
        func permits(_ host: String) throws -> Bool {
            OutgoingRules.standard.permits(try #require(SocketAddress(host: host, port: 80)))
        }
        for host in [
            "127.0.0.1", "10.0.0.7", "192.168.1.1", "::1", "2001:db8::1", "169.253.255.255", "::ffff:10.0.0.1",
        ] {
            #expect(try permits(host), "\(host)")
        }
        for host in ["169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "100.100.100.200"] {
            #expect(try !permits(host), "\(host)")
        }
        let own = OutgoingRules.standard.preceded(by: [
            try OutgoingRules.Rule("10.0.0.0/12", isAllowed: false),
            try OutgoingRules.Rule("169.254.7.0/24", isAllowed: true),
        ])
        let cases = [("10.15.0.1", false), ("10.16.0.1", true), ("169.254.7.9", true), ("169.254.8.9", false)]
        for (host, isPermitted) in cases {
            #expect(own.permits(try #require(SocketAddress(host: host, port: 80))) == isPermitted, "\(host)")
        }
        #expect(throws: ValidationError.self) { try OutgoingRules.Rule("10.0.0.0/33", isAllowed: true) }
    }
}
