import Foundation
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@Suite("HubStore", .timeLimit(.minutes(1)))
struct HubStoreTests {
    @Test("after a restart everybody is there, amended, and holders go on renewing")
    func restart() throws {
        let folder = try TemporaryFolder()
        let service = try ServiceName("web")
        var tokens: [LeaseToken] = []
        var revision: UInt64 = 0
        var epoch = ""
        try Self.withStore(folder) { store in
            epoch = store.epoch
            for number in 0..<10 {
                tokens.append(try store.register(Self.make("i\(number)"), in: .default, ttl: .seconds(10)).token)
            }
            try store.revoke(tokens[3], in: .default)
            try store.remove(service, id: InstanceID("i4"), in: .default)
            try store.update(Self.make("i5").applying(InstanceChange(weight: 7)), tokens[5], in: .default)
            _ = try store.amend(service, id: InstanceID("i6"), InstanceChange(status: .maintenance), in: .default)
            revision = try store.snapshot(of: service, in: .default).revision
        }
        for _ in 0..<3 {
            try Self.withStore(folder) { store in
                #expect(store.epoch == epoch)
                let snapshot = try store.snapshot(of: service, in: .default)
                #expect(snapshot.revision > revision, "a revision never comes twice")
                revision = snapshot.revision
                let instances = try Self.instances(in: snapshot)
                #expect(instances.map(\.id.text) == ["i0", "i1", "i2", "i5", "i6", "i7", "i8", "i9"])
                #expect(instances[3].weight == 7)
                #expect(instances[4].status == .maintenance)
                try store.renew(tokens[0], in: .default)
                #expect(Self.code { try store.renew(tokens[3], in: .default) } == .leaseLost)
                #expect(Self.code { try store.renew(tokens[4], in: .default) } == .removed)
                #expect(try store.ttl(of: tokens[5], in: .default) == .seconds(10))
            }
        }
    }

    @Test("the journal holds no secret, and is for its owner only")
    func secrecy() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let store = try HubStore(folder: data)
        let token = try store.register(Self.make("i0"), in: .default, ttl: .seconds(10)).token
        let text = try String(contentsOfFile: data + "/registry.journal", encoding: .utf8)
        #expect(text.contains("\"i0\""))
        #expect(!text.contains(token.secret))
        for (path, mode) in [(data, 0o700), (data + "/registry.journal", 0o600), (data + "/lock", 0o600)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode)
        }
    }

    @Test("two processes cannot use one folder, and the second says so")
    func exclusion() throws {
        let folder = try TemporaryFolder()
        try Self.withStore(folder) { _ in
            let error = #expect(throws: BackendError.self) { try HubStore(folder: folder.path) }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("another process uses the data folder") == true)
        }
        try Self.withStore(folder) { _ in }
    }

    @Test("a journal that was cut short loses only what was not acknowledged, and goes on")
    func truncation() throws {
        let folder = try TemporaryFolder()
        try Self.withStore(folder) { store in
            for number in 0..<3 { _ = try store.register(Self.make("i\(number)"), in: .default, ttl: .seconds(10)) }
        }
        try folder.write(folder.contents.dropLast(5))
        for _ in 0..<2 {
            try Self.withStore(folder) { store in
                let instances = try Self.instances(in: store.snapshot(of: ServiceName("web"), in: .default))
                #expect(instances.map(\.id.text).filter { $0 != "new" }.count >= 2)
                _ = try store.register(Self.make("new"), in: .default, ttl: .seconds(10))
            }
        }
    }

    @Test(
        "a damaged journal, or one of another version, is refused with its path and left as it is",
        arguments: [
            "rollcall-journal 2 e1\n", "nonsense\n", "rollcall-journal 1 e1\nbad line\n00000000 {}\n",
        ]
    )
    func foreignJournal(_ text: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(text.utf8)
        let error = #expect(throws: BackendError.self) { try HubStore(folder: folder.path) }
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.contains(folder.journal) == true)
        #expect(try folder.contents == Array(text.utf8))
    }

    @Test(
        "a folder that cannot be one is named, with the reason",
        arguments: ["/dev/null/x", "/proc/rollcall", "/etc/passwd"]
    )
    func impossibleFolder(_ path: String) {
        let error = #expect(throws: BackendError.self) { try HubStore(folder: path) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(path) == true)
    }

    @Test("a folder planted with a link is refused")
    func plantedLink() throws {
        let folder = try TemporaryFolder()
        let target = folder.path + "/elsewhere"
        try FileManager.default.createSymbolicLink(atPath: folder.journal, withDestinationPath: target)
        #expect(throws: BackendError.self) { try HubStore(folder: folder.path) }
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test("a full disk is an error to whoever writes, and when there is space again nothing is missing")
    func fullDisk() async {
        // In a process of its own, because the limit holds for every file that a process writes.
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let service = try ServiceName("web")
            try Self.withStore(folder) { store in
                _ = try store.register(Self.make("before"), in: .default, ttl: .seconds(10))
                let size = try folder.contents.count
                try FileSizeLimit.limiting(to: size + 50) {
                    let error = #expect(throws: BackendError.self) {
                        try store.register(Self.make("during"), in: .default, ttl: .seconds(10))
                    }
                    #expect(error?.code == .unavailable)
                    #expect(error?.applied == .unknown)
                    let length = try folder.contents.count
                    #expect(length == size, "nothing of a failed write stays")
                    let next = #expect(throws: BackendError.self) {
                        try store.register(Self.make("refused"), in: .default, ttl: .seconds(10))
                    }
                    #expect(next?.applied == .no, "while it cannot be written, no more is taken")
                }
                _ = try store.register(Self.make("after"), in: .default, ttl: .seconds(10))
            }
            try Self.withStore(folder) { store in
                let instances = try Self.instances(in: store.snapshot(of: service, in: .default))
                #expect(instances.map(\.id.text) == ["after", "before", "during"])
            }
        }
    }

    @Test("a journal that cannot be written anew is appended to, and nothing is lost")
    func failedCompaction() async throws {
        let folder = try TemporaryFolder()
        try Self.withStore(folder) { _ = try $0.register(Self.make("a"), in: .default, ttl: .seconds(10)) }
        // A folder of that name keeps the new file from being made.
        try FileManager.default.createDirectory(atPath: folder.journal + ".new", withIntermediateDirectories: false)
        let told = KeyedMailbox<Bool, [String]> { new, old in old + new }
        let log = Log { level, component, message in told.offer(["\(level) \(component) \(message)"], for: true) }
        for id in ["b", "c"] {
            let store = try HubStore(folder: folder.path, log: log)
            _ = try store.register(Self.make(id), in: .default, ttl: .seconds(10))
        }
        told.finish()
        let messages = try await told.next() ?? []
        #expect(messages.count == 2)
        #expect(messages.allSatisfy { $0.hasPrefix("warning hub the journal could not be written anew") })
        try FileManager.default.removeItem(atPath: folder.journal + ".new")
        try Self.withStore(folder) { store in
            let instances = try Self.instances(in: store.snapshot(of: ServiceName("web"), in: .default))
            #expect(instances.map(\.id.text) == ["a", "b", "c"])
        }
    }

    @Test("a revision never comes twice, nor does it go back, whatever is restarted")
    func revisions() throws {
        let folder = try TemporaryFolder()
        var highest: UInt64 = 0
        for round in 0..<5 {
            try Self.withStore(folder) { store in
                for service in ["web", "nobody"] {
                    let revision = try store.snapshot(of: ServiceName(service), in: .default).revision
                    #expect(revision > highest || (round == 0 && revision == 0))
                }
                let token = try store.register(Self.make("a"), in: .default, ttl: .seconds(10)).token
                if round.isMultiple(of: 2) { try store.revoke(token, in: .default) }
                highest = try store.snapshot(of: ServiceName("web"), in: .default).revision
            }
        }
    }

    @Test("whatever is accepted can be read again after a restart")
    func extremes() throws {
        let folder = try TemporaryFolder()
        let service = try ServiceName("web")
        let extreme = try ServiceInstance(
            service: service,
            id: InstanceID("extreme"),
            endpoints: [Endpoint("grpc://h/" + String(repeating: "a", count: 2033))],
            version: SemanticVersion("1-" + String(repeating: "a", count: 122)),
            metadata: ["quote\"": "\u{2028}\\", "é": ""],
            registeredAt: Date(timeIntervalSince1970: -1e12)
        )
        try Self.withStore(folder) { store in
            let token = try store.register(extreme, in: .default, ttl: .seconds(10)).token
            try store.update(extreme, token, in: .default)
        }
        try Self.withStore(folder) { store in
            let instances = try Self.instances(in: store.snapshot(of: service, in: .default))
            #expect(instances.first?.describesSame(as: extreme) == true)
        }
    }

    @Test("time that passes before the store runs counts for nobody: the grace after a start is whole")
    func graceBeforeRun() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        var token: LeaseToken?
        try Self.withStore(folder) { token = try $0.register(Self.make("a"), in: .default, ttl: .seconds(1)).token }
        let store = try HubStore(folder: folder.path, clock: TimeSource(clock))
        clock.advance(by: .seconds(5))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await store.run() }
            for _ in 0..<9 {
                await clock.waitForSleepers(2)
                clock.advance(by: .milliseconds(100))
            }
            await clock.waitForSleepers(2)
            group.cancelAll()
        }
        try store.renew(try #require(token), in: .default)
    }

    @Test("an amendment is bounded even where it changes nothing")
    func amendmentLimits() throws {
        let store = try HubStore(folder: nil)
        let instance = try Self.make("a")
        _ = try store.register(instance, in: .default, ttl: .seconds(10))
        let amend = { (change: InstanceChange) in
            Self.code { _ = try store.amend(instance.service, id: instance.id, change, in: .default) }
        }
        #expect(amend(InstanceChange(metadata: [String(repeating: "x", count: 129): nil])) == .invalidArgument)
        #expect(amend(InstanceChange(tags: Array(repeating: "a", count: 33))) == .invalidArgument)
        for number in 0..<48 { #expect(amend(InstanceChange(metadata: ["k\(number)": nil])) == nil) }
        #expect(amend(InstanceChange(metadata: ["k48": nil])) == .invalidArgument)
        #expect(amend(InstanceChange(weight: 3)) == nil)
    }

    @Test("a snapshot is encoded once, and again only after a change of its own service")
    func encoding() throws {
        let store = try HubStore(folder: nil)
        let service = try ServiceName("web")
        #expect(try Self.instances(in: store.snapshot(of: service, in: .default)).isEmpty)
        let first = try store.register(Self.make("b"), in: .default, ttl: .seconds(10))
        _ = try store.register(Self.make("a"), in: .default, ttl: .seconds(10))
        let snapshot = try store.snapshot(of: service, in: .default)
        #expect(try Self.instances(in: snapshot).map(\.id.text) == ["a", "b"])
        _ = try store.register(Self.make("x", of: "other"), in: .default, ttl: .seconds(10))
        try store.renew(first.token, in: .default)
        let again = try store.snapshot(of: service, in: .default)
        #expect(again == snapshot)
        #expect(Self.address(of: again.json) == Self.address(of: snapshot.json), "the bytes are shared, not made anew")
        try store.revoke(first.token, in: .default)
        #expect(try store.snapshot(of: service, in: .default).revision > snapshot.revision)
    }

    @Test("an unknown service has the revision of the one that was forgotten last")
    func forgottenRevision() throws {
        let store = try HubStore(folder: nil)
        #expect(try store.snapshot(of: ServiceName("nobody"), in: .default).revision == 0)
        let token = try store.register(Self.make("a"), in: .default, ttl: .seconds(10)).token
        try store.revoke(token, in: .default)
        #expect(try store.snapshot(of: ServiceName("web"), in: .default).revision == 2)
        #expect(try store.snapshot(of: ServiceName("nobody"), in: .default).revision == 2)
    }

    @Test("who was removed cannot come back with its old lease, but another process can")
    func tombstones() throws {
        let store = try HubStore(folder: nil)
        let instance = try Self.make("a")
        let old = try store.register(instance, in: .default, ttl: .seconds(10)).token
        try store.remove(instance.service, id: instance.id, in: .default)
        #expect(Self.code { try store.renew(old, in: .default) } == .removed)
        let code = Self.code {
            _ = try store.register(instance, in: .default, ttl: .seconds(10), replacing: old.secret)
        }
        #expect(code == .removed)
        let new = try store.register(instance, in: .default, ttl: .seconds(10)).token
        try store.renew(new, in: .default)
        #expect(Self.code { try store.renew(old, in: .default) } == .removed)
    }

    @Test("what ends with its time stays ended after a restart, and what lives has one time-to-live of grace")
    func expiry() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let service = try ServiceName("web")
        let store = try HubStore(folder: folder.path, clock: TimeSource(clock))
        _ = try store.register(Self.make("short"), in: .default, ttl: .seconds(1))
        let long = try store.register(Self.make("long"), in: .default, ttl: .seconds(60)).token
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await store.run() }
            for _ in 0..<11 {
                await clock.waitForSleepers(2)
                clock.advance(by: .milliseconds(100))
            }
            await clock.waitForSleepers(2)
            group.cancelAll()
        }
        #expect(try Self.instances(in: store.snapshot(of: service, in: .default)).map(\.id.text) == ["long"])
        try store.renew(long, in: .default)
        let text = String(decoding: try folder.contents, as: UTF8.self)
        #expect(text.contains(#""op":"end","ns":"default","service":"web","id":"short""#))
    }

    @Test("the journal is written anew when most of it is history")
    func compaction() throws {
        let folder = try TemporaryFolder()
        let instance = try Self.make("a", metadata: ["k": String(repeating: "x", count: 7000)])
        try Self.withStore(folder) { store in
            let token = try store.register(instance, in: .default, ttl: .seconds(10)).token
            for _ in 0..<200 { try store.update(instance, token, in: .default) }
        }
        let before = try folder.contents.count
        try Self.withStore(folder) { store in
            let instances = try Self.instances(in: store.snapshot(of: instance.service, in: .default))
            #expect(instances.count == 1)
        }
        #expect(before > 1_400_000)
        #expect(try folder.contents.count < 10_000)
    }

    @Test("many tasks at once lose nothing")
    func concurrency() async throws {
        let folder = try TemporaryFolder()
        let store = try HubStore(folder: folder.path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<100 {
                        let registration = try store.register(
                            Self.make("t\(task)-\(number)"),
                            in: .default,
                            ttl: .seconds(10)
                        )
                        if number.isMultiple(of: 2) { try store.revoke(registration.token, in: .default) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let bytes = try folder.contents
        let copy = try TemporaryFolder()
        try copy.write(bytes)
        try Self.withStore(copy) { store in
            let instances = try Self.instances(in: store.snapshot(of: ServiceName("web"), in: .default))
            #expect(instances.count == 400)
        }
    }

    static func make(
        _ id: String,
        of service: String = "web",
        metadata: [String: String] = [:]
    ) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint("http://127.0.0.1:8080")],
            metadata: metadata
        )
    }

    /// Opens a store for as long as `body` runs; afterwards its lock is free.
    private static func withStore(_ folder: TemporaryFolder, _ body: (HubStore) throws -> Void) throws {
        try body(try HubStore(folder: folder.path))
    }

    static func instances(in snapshot: EncodedSnapshot) throws -> [ServiceInstance] {
        var instances: [ServiceInstance] = []
        var reader = JSONReader(snapshot.json)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "instances" else { return try reader.skip() }
            try reader.array { (reader) throws(ValidationError) in
                instances.append(try ServiceInstance.read(from: &reader, service: nil, id: nil))
            }
        }
        try reader.end()
        return instances
    }

    private static func code(_ body: () throws -> Void) -> BackendError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? BackendError)?.code
        }
    }

    private static func address(of bytes: [UInt8]) -> Int {
        bytes.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
    }
}
