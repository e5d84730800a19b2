import Rollcall
import RollcallHTTP
import RollcallService
import Synchronization
import Testing

/// A runner of an HTTP server and a caller, as users have them.
@Suite("HTTP by service name")
struct HTTPRunnerTests {
    private let service: ServiceName

    init() throws { self.service = try ServiceName("echo") }

    /// Runs instances of a service that answers with what it was asked.
    private func withEcho(
        ids: [String],
        respond: @escaping @Sendable (String, ServiceRequest) async throws -> ServiceResponse,
        _ body: @escaping @Sendable (ServiceCaller) async throws -> Void
    ) async throws {
        let client = RollcallClient(registry: MemoryBackend())
        let service = self.service
        let runners = try ids.map { id in
            ServiceRunner(
                service: service,
                client: client,
                configuration: ServiceRunnerConfiguration(
                    id: try InstanceID(id),
                    registrar: RegistrarConfiguration(drain: .zero)
                ),
                port: 0,
                maximumBody: 1000,
                respond: { try await respond(id, $0) }
            )
        }
        try await withRollcallClient(client) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for runner in runners { group.addTask { try await runner.run() } }
                for runner in runners { try await runner.waitUntilRegistered() }
                try await body(try ServiceCaller(discovery: client.discovery, timeout: .seconds(5)))
                for runner in runners { runner.beginShutdown() }
                try await group.waitForAll()
            }
        }
    }

    @Test("a request and its response arrive whole")
    func whole() async throws {
        try await self.withEcho(ids: ["a"]) { _, request in
            #expect(try request.parameter("full") == "a b")
            #expect(try request.parameter("none") == nil)
            let fields = [
                try MessageField("Method", request.method), try MessageField("Was", request.fields["x-from"] ?? ""),
            ]
            return ServiceResponse(status: 201, fields: fields, body: request.body.reversed())
        } _: { caller in
            let request = try ServiceRequest(
                "/users/7?full=a%20b",
                method: "POST",
                fields: [MessageField("X-From", "test")],
                body: [1, 2, 3]
            )
            let answer = try await caller.call(self.service, request)
            #expect(answer.status == 201)
            #expect(answer.isSuccess)
            #expect(answer.body == [3, 2, 1])
            #expect(answer.fields["method"] == "POST")
            #expect(answer.fields["WAS"] == "test")
        }
    }

    @Test("what a handler throws becomes a status, and its text stays inside")
    func failures() async throws {
        struct Secret: Error {}
        try await self.withEcho(ids: ["a"]) { _, request in
            switch request.path {
            case "/bad": throw ValidationError(field: "age", message: "must be a number")
            case "/gone": throw BackendError(.notFound, "no such user")
            case "/none": return ServiceResponse(status: 204, body: [1])
            case "/odd": return ServiceResponse(status: 42)
            default: throw Secret()
            }
        } _: { caller in
            func answer(_ path: String, _ body: [UInt8] = []) async throws -> ServiceResponse {
                try await caller.call(self.service, try ServiceRequest(path, method: "PUT", body: body))
            }
            #expect(try await answer("/bad").status == 400)
            #expect(try await answer("/bad").text.contains("age"))
            #expect(try await answer("/gone").status == 404)
            #expect(try await answer("/none").body == [])
            #expect(try await answer("/odd").status == 500)
            let failure = try await answer("/else")
            #expect(failure.status == 500)
            #expect(!failure.text.contains("Secret"))
            #expect(try await answer("/else", [UInt8](repeating: 0, count: 1001)).status == 413)
        }
    }

    @Test("another instance is asked only where that does no harm")
    func repeating() async throws {
        let seen = Mutex<[String]>([])
        let refused = try ServiceInstance(
            service: self.service,
            endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: 1)]
        )
        try await self.withEcho(ids: ["a"]) { _, request in
            seen.withLock { $0.append(request.method) }
            return ServiceResponse(text: "ok")
        } _: { caller in
            let get = try ServiceRequest("/")
            let post = try ServiceRequest("/", method: "POST")
            await #expect(throws: BackendError.self) { _ = try await caller.send(get, to: refused) }
            do {
                _ = try await caller.send(post, to: refused)
            } catch let error as BackendError {
                #expect(error.code == .unavailable)
                #expect(ServiceCaller.isRepeatable(post, after: error))
            }
            let lost = BackendError(.unavailable, "the connection broke", applied: .unknown)
            #expect(ServiceCaller.isRepeatable(get, after: lost))
            #expect(!ServiceCaller.isRepeatable(post, after: lost))
            #expect(!ServiceCaller.isRepeatable(get, after: CancellationError()))
            #expect(!ServiceCaller.isRepeatable(get, after: BackendError(.protocolViolation, "no HTTP")))
        }
    }

    @Test("an instance without an http endpoint, and a service that nobody has")
    func unfit() async throws {
        try await self.withEcho(ids: ["a"]) { _, _ in
            ServiceResponse(text: "ok")
        } _: { caller in
            let odd = try ServiceInstance(
                service: self.service,
                endpoints: [Endpoint(scheme: "grpc", host: "127.0.0.1", port: 1)]
            )
            do {
                _ = try await caller.send(try ServiceRequest("/"), to: odd)
                Issue.record("it was sent")
            } catch let error as BackendError {
                #expect(error.code == .unsupported)
            }
        }
    }

    @Test(
        "what cannot be sent is refused before",
        arguments: [
            ("GET ", "/"), ("", "/"), ("CONNECT", "/"), ("GET", ""), ("GET", "users"), ("GET", "/a b"),
            ("GET", "/a\r\nX: y"),
            ("GET", "/é"), ("GET", "/a#b"),
        ]
    )
    func refusal(_ method: String, _ target: String) {
        #expect(throws: ValidationError.self) { try ServiceRequest(target, method: method) }
    }

    @Test(
        "header fields that would forge a message are refused",
        arguments: [
            ("", "x"), ("A B", "x"), ("Host", "x"), ("content-length", "1"), ("X", "a\r\nY: z"), ("X", "a\u{0}"),
        ]
    )
    func fields(_ name: String, _ value: String) {
        #expect(throws: ValidationError.self) { try MessageField(name, value) }
    }
}
