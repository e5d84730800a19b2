import HTTPEngine
import Rollcall
import RollcallHub
import RollcallProbes
import RollcallTesting
import Synchronization
import Testing

@Suite("Hub: checks of its own", .timeLimit(.minutes(1)))
struct HubChecksTests {
    /// A service whose health can be turned.
    private final class Patient: Sendable {
        private let status = Atomic(200)
        let asked = Atomic(0)

        func turn(_ status: Int) { self.status.store(status, ordering: .relaxed) }

        func answer(_ exchange: HTTPExchange) {
            self.asked.wrappingAdd(1, ordering: .relaxed)
            exchange.respond(self.status.load(ordering: .relaxed), "text/plain", body: [])
        }
    }

    /// The warnings that contain a text.
    private final class WarningLog: Sendable {
        private let text: String
        private let state = Mutex([String]())

        init(_ text: String) {
            self.text = text
        }

        var messages: [String] { self.state.withLock { $0 } }

        var log: Log {
            Log(minimum: .warning) { _, _, message in
                if message.contains(self.text) { self.state.withLock { $0.append(message) } }
            }
        }
    }

    private static func configuration(
        folder: String? = nil,
        failureThreshold: Int = 2
    ) -> HubServer.Configuration {
        var configuration = HubServer.Configuration(port: 0, folder: folder)
        configuration.checks.interval = .milliseconds(100)
        configuration.checks.failureThreshold = failureThreshold
        return configuration
    }

    private static func withPatient(
        _ body: @escaping @Sendable (Patient, Int) async throws -> Void
    ) async throws {
        let patient = Patient()
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { patient.answer($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            defer { group.cancelAll() }
            try await body(patient, server.address.port)
        }
    }

    private static func document(_ port: Int, check: String? = "http:/health") -> String {
        let metadata = check.map { #","metadata":{"rollcall.check":"\#($0)"}"# } ?? ""
        return #"{"endpoints":["http://127.0.0.1:\#(port)"]\#(metadata)}"#
    }

    private static func status(of id: String, _ hub: Hub, _ service: String = "web") async throws -> String? {
        try await hub.call("GET", "/v1/services/\(service)/instances/\(id)").json["status"]?.text
    }

    private static func checks(_ hub: Hub) async throws -> [JSONTree] {
        try await hub.call("GET", "/v1/services/web/checks").json["checks"]?.list ?? []
    }

    @Test("one that asks for a check is critical while it fails it, which its watchers and the figures tell")
    func asked() async throws {
        try await Self.withPatient { patient, port in
            try await withHub(Self.configuration()) { hub in
                try await hub.register("a", query: "?ttl=60s", Self.document(port))
                try await hub.register("b", query: "?ttl=60s", Self.document(port, check: nil))
                try await eventually { try await Self.checks(hub).first?["verdict"]?.text == "passing" }
                patient.turn(500)
                try await eventually { try await Self.status(of: "a", hub) == "critical" }
                #expect(try await Self.status(of: "b", hub) == "passing")
                let check = try #require(try await Self.checks(hub).first)
                #expect(check["id"]?.text == "a")
                #expect(check["isOut"] == .boolean(true))
                #expect(check["message"]?.text?.contains("the status 500") == true)
                #expect(try await hub.call("GET", "/metrics").text.contains("checks_failing_instances 1\n"))
                #expect(try await hub.call("GET", "/v1/status").json["checks"]?["failing"] == .number(1))
                patient.turn(200)
                try await eventually { try await Self.status(of: "a", hub) == "passing" }
            }
        }
    }

    @Test("a check that is asked for later, or no longer, by whoever may change the instance")
    func amended() async throws {
        try await Self.withPatient { patient, port in
            try await withHub(Self.configuration()) { hub in
                patient.turn(503)
                try await hub.register("a", query: "?ttl=60s", Self.document(port, check: nil))
                let path = "/v1/services/web/instances/a"
                let on = try await hub.call("PATCH", path, #"{"metadata":{"rollcall.check":"http"}}"#)
                #expect(on.status == 200)
                try await eventually { try await Self.status(of: "a", hub) == "critical" }
                let off = try await hub.call("PATCH", path, #"{"metadata":{"rollcall.check":"none"}}"#)
                #expect(off.status == 200)
                try await eventually { try await Self.status(of: "a", hub) == "passing" }
                #expect(try await Self.checks(hub).isEmpty)
            }
        }
    }

    @Test("a hub told to check all does; who asks for none is left alone")
    func all() async throws {
        var configuration = Self.configuration()
        configuration.checks.kind = .tcp
        let port = try RefusingPort.reserve()
        try await withHub(configuration) { hub in
            try await hub.register("a", query: "?ttl=60s", Self.document(port, check: nil))
            try await hub.register("b", query: "?ttl=60s", Self.document(port, check: "none"))
            try await eventually { try await Self.status(of: "a", hub) == "critical" }
            #expect(try await Self.status(of: "b", hub) == "passing")
        }
    }

    @Test("one that fails does so after a restart of the hub, until it passes; nobody is let in by the restart")
    func restart() async throws {
        let folder = try TemporaryFolder()
        try await Self.withPatient { patient, port in
            patient.turn(500)
            try await withHub(Self.configuration(folder: folder.path)) { hub in
                try await hub.register("a", query: "?ttl=60s", Self.document(port))
                try await eventually { try await Self.status(of: "a", hub) == "critical" }
            }
            try await withHub(Self.configuration(folder: folder.path)) { hub in
                #expect(try await Self.status(of: "a", hub) == "critical")
                patient.turn(200)
                try await eventually { try await Self.status(of: "a", hub) == "passing" }
            }
        }
    }

    @Test("another process in the place of one that failed begins as passing and is checked anew")
    func replaced() async throws {
        try await Self.withPatient { patient, port in
            try await withHub(Self.configuration(failureThreshold: 20)) { hub in
                patient.turn(500)
                try await hub.register("a", query: "?ttl=60s", Self.document(port))
                try await eventually { try await Self.status(of: "a", hub) == "critical" }
                try await hub.register("a", query: "?ttl=60s", Self.document(port))
                #expect(try await Self.status(of: "a", hub) == "passing")
                try await eventually { try await Self.status(of: "a", hub) == "critical" }
            }
        }
    }

    @Test("a check that there is not, or of an address that may not be called, is refused")
    func refused() async throws {
        try await withHub { hub in
            let path = "/v1/services/web/instances/a"
            let unknown = try await hub.call("PUT", path, Self.document(80, check: "ping"))
            #expect(unknown.status == 400)
            #expect(unknown.field == "metadata.rollcall.check")
            let cloud = #"{"endpoints":["http://169.254.169.254/"],"metadata":{"rollcall.check":"http:/latest"}}"#
            let refused = try await hub.call("PUT", path, cloud)
            #expect(refused.status == 403)
            #expect(refused.text.contains("endpoints[0]"))
            try await hub.register("a")
            let later = try await hub.call("PATCH", path, #"{"metadata":{"rollcall.check":"http:nowhere"}}"#)
            #expect(later.status == 400)
        }
    }

    @Test("what must not be checked any more can be put into maintenance, but asks for no new check")
    func refusedLater() async throws {
        let folder = try TemporaryFolder()
        try await withHub(Self.configuration(folder: folder.path)) { hub in
            _ = try await hub.register("a", query: "?ttl=60s", Self.document(80))
        }
        var configuration = Self.configuration(folder: folder.path)
        configuration.checks.rules = OutgoingRules([try OutgoingRules.Rule("127.0.0.0/8", isAllowed: false)])
        try await withHub(configuration) { hub in
            let path = "/v1/services/web/instances/a"
            let away = try await hub.call("PATCH", path, #"{"status":"maintenance","metadata":{"note":"down"}}"#)
            #expect(away.status == 200)
            #expect(away.json["status"]?.text == "maintenance")
            let refused = try await hub.call("PATCH", path, #"{"metadata":{"rollcall.check":"http:/other"}}"#)
            #expect(refused.status == 403)
            let off = try await hub.call("PATCH", path, #"{"metadata":{"rollcall.check":null}}"#)
            #expect(off.status == 200)
        }
    }

    @Test("a name that leads to an address that may not be called is not checked, and fails nobody")
    func forbiddenName() async throws {
        let loopback = try ["127.0.0.0/8", "::1"].map { try OutgoingRules.Rule($0, isAllowed: false) }
        let log = WarningLog("cannot be checked from here")
        try await Self.withPatient { patient, port in
            patient.turn(500)
            var configuration = Self.configuration()
            configuration.checks.rules = OutgoingRules(loopback)
            configuration.log = log.log
            try await withHub(configuration) { hub in
                let document = #"{"endpoints":["http://localhost:\#(port)"],"metadata":{"rollcall.check":"http"}}"#
                try await hub.register("a", query: "?ttl=60s", document)
                // More often than one may fail.
                try await eventually { log.messages.count > 3 }
                #expect(log.messages.allSatisfy { $0.contains("not allowed") })
                #expect(try await Self.checks(hub).count == 1)
                #expect(try await Self.status(of: "a", hub) == "passing")
                #expect(patient.asked.load(ordering: .relaxed) == 0)
            }
        }
    }
}
