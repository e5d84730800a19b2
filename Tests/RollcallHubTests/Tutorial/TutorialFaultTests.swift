import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Synchronization
import Testing

@Suite("Tutorial protocol: programs that hang, die, come back and share", .timeLimit(.minutes(2)))
struct TutorialFaultTests {
    private static func instance(
        _ id: String,
        of service: String = "log",
        at address: String = "127.0.0.1:9",
        weight: Int = 1
    ) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint("http://" + address)],
            weight: weight
        )
    }

    @Test("a program that answers stays, however many others are silent and not yet found dead")
    func starving() async throws {
        let program = try TutorialProgram()
        let silent = try (0..<6).map { _ in try TCPListener(host: "127.0.0.1", port: 0) }
        try await withTutorialHub {
            // To try each once takes longer than a registration lasts that nobody looks at.
            $0.workers = 1
            $0.attempts = 1
            $0.timeout = .seconds(1)
        } _: { hub, client, origin in
            try await running(program) {
                for listener in silent {
                    let mute = #"{"Name":"mute","Addr":"\#(listener.address)","RequiredServices":[]}"#
                    _ = try await post(Array(mute.utf8), client, origin)
                }
                _ = try await post(program.document("web"), client, origin)
                try await eventually(within: .seconds(60)) {
                    try #require(try hub.ids(of: "web") == [program.address])
                    return try hub.ids(of: "mute").isEmpty
                }
                let beats = program.beats
                try await eventually { program.beats > beats }
                #expect(try hub.ids(of: "web") == [program.address])
            }
        }
    }

    @Test("others are checked during the pause before one that failed is tried again")
    func pause() async throws {
        let (failing, program) = (try TutorialProgram(beat: { _ in 500 }), try TutorialProgram())
        try await withTutorialHub {
            $0.workers = 1
            $0.attemptPause = .seconds(600)
        } _: { _, client, origin in
            try await running(failing) {
                try await running(program) {
                    _ = try await post(failing.document("web"), client, origin)
                    try await eventually { failing.beats == 1 }
                    _ = try await post(program.document("web"), client, origin)
                    try await eventually { program.beats > 1 }
                    #expect(failing.beats == 1)
                }
            }
        }
    }

    @Test("a check of a process that failed does not take out the one that registered meanwhile")
    func successor() async throws {
        let failure = Signal()
        let program = try TutorialProgram(beat: { number in
            guard number == 1 else { return 200 }
            await failure.wait()
            return 500
        })
        try await withTutorialHub {
            $0.attempts = 1
            $0.timeout = .seconds(20)
        } _: { hub, client, origin in
            try await running(program) {
                _ = try await post(program.document("web"), client, origin)
                try await eventually { program.beats == 1 }
                _ = try await post(program.document("web"), client, origin)
                try await eventually { program.beats == 2 }
                failure.raise()
                // One that is out is checked no more.
                try await eventually { program.beats > 5 }
                #expect(try hub.ids(of: "web") == [program.address])
            }
        }
    }

    @Test("what may have arrived although no good answer came is taken back when it goes")
    func uncertain() async throws {
        let visits = try TutorialProgram(push: { $0.hasPrefix("POST") ? 500 : 200 })
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                let lease = try hub.store.register(Self.instance("log-1"), in: .default, ttl: .seconds(60))
                try await eventually { visits.known == ["127.0.0.1:9"] }
                try hub.store.revoke(lease.token, in: .default)
                try await eventually { visits.known.isEmpty && visits.pushes.last?.hasPrefix("DELETE") == true }
            }
        }
    }

    @Test("what waited to be told to a process is not told to the next one at its address")
    func replaced() async throws {
        let release = Signal()
        // The first time it is not taken, so that the second time both are told, one after the other.
        let visits = try TutorialProgram(
            pushFailures: 1,
            push: { push in
                if push == "POST 127.0.0.1:1" { await release.wait() }
                return 200
            }
        )
        try await withTutorialHub {
            $0.timeout = .seconds(20)
        } _: { hub, client, origin in
            try await running(visits) {
                func add(_ port: Int) throws {
                    let instance = try Self.instance("log-\(port)", at: "127.0.0.1:\(port)")
                    _ = try hub.store.register(instance, in: .default, ttl: .seconds(60))
                }
                let document = visits.document("visits", requires: ["log"])
                _ = try await post(document, client, origin)
                try add(1)
                try add(2)
                try await eventually { visits.pushes.last == "POST 127.0.0.1:1" }
                let answer = try await post(document, client, origin)
                #expect(answer.text.contains("127.0.0.1:2"))
                release.raise()
                try add(3)
                try await eventually { visits.pushes.contains("POST 127.0.0.1:3") }
                #expect(visits.pushes == ["DELETE 127.0.0.1:1", "POST 127.0.0.1:1", "POST 127.0.0.1:3"])
            }
        }
    }

    @Test("what a hub could not tell before it ended, the next one on its folder tells, and nothing twice")
    func restart() async throws {
        let folder = try TemporaryFolder()
        let visits = try TutorialProgram()
        try await running(visits) {
            @Sendable func add(_ port: Int, _ hub: HubServer) throws {
                let instance = try Self.instance("log-\(port)", at: "127.0.0.1:\(port)")
                _ = try hub.store.register(instance, in: .default, ttl: .seconds(600))
            }
            try await withTutorialHub(folder: folder.path) { hub, client, origin in
                _ = try await post(visits.document("visits", requires: ["log"]), client, origin)
                try add(1, hub)
                try await eventually { visits.known == ["127.0.0.1:1"] }
                visits.refusePushes(.max)
                try add(2, hub)
            }
            visits.refusePushes(0)
            try await withTutorialHub(folder: folder.path) { hub, _, _ in
                try await eventually { visits.known.count == 2 }
                try add(3, hub)
                try await eventually { visits.known.last == "127.0.0.1:3" }
                #expect(visits.known.sorted() == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])
            }
        }
    }

    @Test("of two services at one address each is told of what it needs")
    func shared() async throws {
        let program = try TutorialProgram()
        try await withTutorialHub { hub, client, origin in
            try await running(program) {
                _ = try await post(program.document("web", requires: ["log"]), client, origin)
                _ = try await post(program.document("shop", requires: ["mail"]), client, origin)
                _ = try hub.store.register(Self.instance("l", at: "127.0.0.1:1"), in: .default, ttl: .seconds(60))
                let mail = try Self.instance("m", of: "mail", at: "127.0.0.1:2")
                _ = try hub.store.register(mail, in: .default, ttl: .seconds(60))
                try await eventually { program.known.sorted() == ["127.0.0.1:1", "127.0.0.1:2"] }
            }
        }
    }

    @Test("an address is told once, whoever has it, and a required service once, however often it is named")
    func once() async throws {
        let visits = try TutorialProgram()
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                let tokens = try ["a", "b"].map { id in
                    try hub.store.register(Self.instance(id), in: .default, ttl: .seconds(60)).token
                }
                let answer = try await post(visits.document("visits", requires: ["log", "log"]), client, origin)
                #expect(answer.text == #"{"log":[{"Name":"log","Addr":"127.0.0.1:9","RequiredServices":[]}]}"#)
                try hub.store.revoke(tokens[0], in: .default)
                let other = try Self.instance("c", at: "127.0.0.1:10")
                _ = try hub.store.register(other, in: .default, ttl: .seconds(60))
                try await eventually { !visits.pushes.isEmpty }
                #expect(visits.pushes == ["POST 127.0.0.1:10"])
            }
        }
    }

    @Test("a drained instance is not told, and one that is being drained is told as gone")
    func drained() async throws {
        let visits = try TutorialProgram()
        try await withTutorialHub { hub, client, origin in
            try await running(visits) {
                let drained = try Self.instance("a", at: "127.0.0.1:1", weight: 0)
                let other = try Self.instance("b", at: "127.0.0.1:2")
                for instance in [drained, other] {
                    _ = try hub.store.register(instance, in: .default, ttl: .seconds(60))
                }
                let answer = try await post(visits.document("visits", requires: ["log"]), client, origin)
                #expect(!answer.text.contains("127.0.0.1:1\"") && answer.text.contains("127.0.0.1:2\""))
                _ = try hub.store.amend(other.service, id: other.id, InstanceChange(weight: 0), in: .default)
                try await eventually { visits.pushes == ["DELETE 127.0.0.1:2"] }
            }
        }
    }
}
