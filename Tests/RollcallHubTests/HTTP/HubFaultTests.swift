import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@testable import RollcallHubClient

@Suite("Hub: clients that misbehave, and its end", .timeLimit(.minutes(2)), .serialized)
struct HubFaultTests {
    @Test("a watcher that stops reading is closed in the end; others are told everything meanwhile")
    func stalledWatcher() async throws {
        var configuration = HubServer.Configuration(port: 0)
        configuration.writeTimeout = .seconds(2)
        try await withHub(configuration) { hub in
            let stalled = try await hub.connect()
            defer { stalled.socket.close() }
            let text = "GET /v1/watch?service=web HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            try await stalled.socket.write(Array(text.utf8), until: nil)
            try await eventually { hub.server.store.watchCount == 1 }
            try await hub.stream("GET", "/v1/watch?service=web&service=end") { stream in
                _ = try await stream.next("snapshot")
                _ = try await stream.next("snapshot")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Self.fill(hub) }
                    // What comes is the state, so that the last of it is all that matters.
                    var last = 0
                    while let event = try await stream.event(), event.service == "web" {
                        let to = try #require((event.json["to"] ?? event.json["revision"])?.number)
                        #expect(to > last)
                        last = to
                    }
                    try await group.waitForAll()
                    let web = try await hub.call("GET", "/v1/services/web")
                    #expect(last == web.revision)
                }
            }
        }
    }

    /// Changes a service, by more than the system buffers, until only one of its two watchers is left.
    private static func fill(_ hub: Hub) async throws {
        let service = try ServiceName("web")
        let large = String(repeating: "x", count: 7000)
        try await eventually(within: .seconds(60)) {
            for index in 0..<50 {
                let instance = try ServiceInstance(
                    service: service,
                    id: InstanceID("i\(index)"),
                    endpoints: [Endpoint("http://127.0.0.1:1")],
                    metadata: ["large": large]
                )
                _ = try hub.server.store.register(instance, in: .default, ttl: .seconds(60))
                await Task.yield()
            }
            return hub.server.store.watchCount == 1
        }
        // Behind the last change of the service.
        try await eventually {
            try await hub.call("GET", "/v1/services/web").status == 200
        }
        try await hub.register("end", of: "end")
    }

    @Test("a watcher that rests for a while gets whole events and the last state, whatever the system took meanwhile")
    func restingWatcher() async throws {
        try await withHub { hub in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let rested = Signal()
                for _ in 0..<2 {
                    group.addTask {
                        try await hub.stream("GET", "/v1/watch?service=web") { stream in
                            _ = try await stream.next("snapshot")
                            await rested.wait()
                            try await Self.follow(stream, to: "end")
                        }
                    }
                }
                try await eventually { hub.server.store.watchCount == 2 }
                let large = String(repeating: "x", count: 7000)
                // More than the system takes for somebody who does not read.
                for index in 0..<1600 {
                    let instance = try ServiceInstance(
                        service: ServiceName("web"),
                        id: InstanceID("i\(index % 5)"),
                        endpoints: [Endpoint("http://127.0.0.1:1")],
                        metadata: ["large": large]
                    )
                    _ = try hub.server.store.register(instance, in: .default, ttl: .seconds(60))
                    if index.isMultiple(of: 4) { try await Task.sleep(for: .microseconds(100)) }
                }
                rested.raise()
                try await hub.register("end")
                try await group.waitForAll()
            }
        }
    }

    /// Reads up to the event about an instance; each delta must begin where the event before it ended.
    private static func follow(_ stream: EventStream, to id: String) async throws {
        var last = "0"
        while let element = try await stream.element() {
            guard case .event(let name, let tag, let data) = element else { continue }
            let to = tag?.split(separator: ".").last.map { String($0) } ?? ""
            // Only the beginning, as there is much of it.
            let text = String(decoding: data.prefix(64), as: UTF8.self)
            #expect(name == "snapshot" || text.hasPrefix(#"{"service":"web","from":\#(last),"to":\#(to),"#))
            #expect(data.last == UInt8(ascii: "}"))
            last = to
            if data.count < 4096 || name == "snapshot" {
                if String(decoding: data, as: UTF8.self).contains("\"\(id)\"") { return }
            }
        }
        Issue.record("the end was not told")
    }

    @Test("a port in use is told with the address")
    func portInUse() async throws {
        try await withHub { hub in
            let error = #expect(throws: BackendError.self) {
                try HubServer(HubServer.Configuration(port: hub.server.port))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("127.0.0.1:\(hub.server.port)") == true)
            #expect(error?.message.contains("is another hub running there?") == true)
        }
    }

    @Test("a data folder that cannot be used is told with its path", arguments: ["", "/below"])
    func dataFolder(_ suffix: String) throws {
        let folder = try TemporaryFolder()
        try folder.write([])
        let path = folder.journal + suffix
        let error = #expect(throws: BackendError.self) {
            try HubServer(HubServer.Configuration(port: 0, folder: path))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(path) == true, "\(String(describing: error))")
    }

    @Test("a data folder is made with those above it", arguments: ["", "/"])
    func deepFolder(_ end: String) async throws {
        let folder = try TemporaryFolder()
        for isFirst in [true, false] {
            try await withHub(folder: folder.path + "/some/where/else" + end) { hub in
                if isFirst { try await hub.register("a") }
                #expect(try await hub.call("GET", "/v1/services/web").ids == ["a"])
            }
        }
    }

    @Test("a data folder that another hub uses is told so")
    func sharedFolder() async throws {
        let folder = try TemporaryFolder()
        try await withHub(folder: folder.path) { _ in
            let error = #expect(throws: BackendError.self) {
                try HubServer(HubServer.Configuration(port: 0, folder: folder.path))
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(
        "the hub listens on loopback only",
        arguments: ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "localhost", "", "127.0.0.1.evil.example"]
    )
    func loopback(_ host: String) {
        let error = #expect(throws: BackendError.self) { try HubServer(HubServer.Configuration(host: host, port: 0)) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("loopback") == true)
    }

    @Test("a port that is none is refused", arguments: [-1, 65536])
    func port(_ port: Int) {
        let error = #expect(throws: BackendError.self) { try HubServer(HubServer.Configuration(port: port)) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("IPv6 loopback is served")
    func versionSix() async throws {
        let server = try HubServer(HubServer.Configuration(host: "::1", port: 0))
        #expect(server.url == "http://[::1]:\(server.port)")
    }

    @Test("shutting down ends streams and polls at once, lets requests finish, and takes no new ones")
    func shutDown() async throws {
        try await withHub { hub in
            try await hub.register("a")
            let slow = try await hub.connect()
            defer { slow.socket.close() }
            let body = #"{"endpoints":["http://127.0.0.1:8080"]}"#
            let head =
                "PUT /v1/services/web/instances/b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n{"
            try await slow.socket.write(Array(head.utf8), until: nil)
            let resting = try await hub.connect()
            defer { resting.socket.close() }
            let clock = ContinuousClock()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await hub.stream("GET", "/v1/watch?service=web") { stream in
                        _ = try await stream.next("snapshot")
                        try await stream.comment()
                        // The end of the body, as HTTP has it: a connection that broke would throw.
                        let end = try await stream.element()
                        #expect(end == nil)
                    }
                }
                group.addTask {
                    let answer = try await hub.call("GET", "/v1/services/web?wait=60s&revision=1")
                    #expect(answer.revision == 1)
                    #expect(answer.head.fields.first("connection") == "close")
                }
                try await eventually { hub.server.store.watchCount == 2 }
                let start = clock.now
                group.addTask { await hub.server.shutDown(within: .seconds(20)) }
                try await eventually { hub.server.store.watchCount == 0 }
                #expect(start.duration(to: clock.now) < .seconds(5))
                let deadline = slow.socket.loop.clock.now.advanced(by: .seconds(5))
                #expect((try? await resting.receive(until: deadline)) != true, "what rests is closed")
                await #expect(throws: (any Error).self) { _ = try await hub.connect() }

                try await slow.socket.write(Array(body.utf8.dropFirst()), until: nil)
                while try await slow.receive(until: deadline) {}
                let answer = String(decoding: slow.takeReceived(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(answer.contains("Connection: close\r\n"))
                try await group.waitForAll()
                #expect(start.duration(to: clock.now) < .seconds(15))
            }
            #expect(try hub.server.store.snapshot(of: ServiceName("web"), in: .default).revision == 2)
        }
    }

    @Test("what does not finish is cut off after the limit")
    func shutDownLimit() async throws {
        try await withHub { hub in
            let slow = try await hub.connect()
            defer { slow.socket.close() }
            let head = "PUT /v1/services/web/instances/b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
            try await slow.socket.write(Array(head.utf8), until: nil)
            _ = try await hub.call("GET", "/livez")
            await hub.server.shutDown(within: .milliseconds(100))
            let deadline = slow.socket.loop.clock.now.advanced(by: .seconds(10))
            let isOver = (try? await slow.receive(until: deadline)) != true
            #expect(isOver)
        }
    }
}
