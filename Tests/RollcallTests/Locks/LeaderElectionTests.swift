import Rollcall
import RollcallTesting
import Synchronization
import Testing

@Suite("Leader election", .timeLimit(.minutes(1)))
struct LeaderElectionTests {
    /// Who leads, and how many at most did at a time.
    private final class Office: Sendable {
        private let state = Mutex((leaders: [String](), inside: 0, most: 0, tokens: [UInt64]()))

        var leaders: [String] { self.state.withLock { $0.leaders } }
        var most: Int { self.state.withLock { $0.most } }
        var tokens: [UInt64] { self.state.withLock { $0.tokens } }

        func enter(_ name: String, _ token: UInt64) {
            self.state.withLock { state in
                state.leaders.append(name)
                state.tokens.append(token)
                state.inside += 1
                state.most = max(state.most, state.inside)
            }
        }

        func leave() { self.state.withLock { $0.inside -= 1 } }
    }

    private static func election(
        _ registry: MemoryRegistry,
        ttl: Duration = .seconds(15),
        clock: TimeSource = TimeSource()
    ) throws -> LeaderElection {
        LeaderElection(
            backend: MemoryBackend(registry: registry),
            name: try LockName("scheduler"),
            ttl: ttl,
            clock: clock
        )
    }

    @Test("one leads at a time, and another takes over when it ends")
    func takeOver() async {
        let registry = MemoryRegistry()
        let office = Office()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await MemoryBackend(registry: registry).run() }
            await withTaskGroup(of: Void.self) { candidates in
                for number in 0..<4 {
                    candidates.addTask {
                        let election = try? Self.election(registry)
                        try? await election?.run { token in
                            office.enter("\(number)", token)
                            try? await Task.sleep(for: .milliseconds(5))
                            office.leave()
                        }
                    }
                }
            }
            group.cancelAll()
        }
        #expect(Set(office.leaders).count == 4)
        #expect(office.most == 1)
        #expect(office.tokens == office.tokens.sorted())
    }

    @Test("what it leads is cancelled when the lock is lost, and it leads again once that can be had")
    func loss() async throws {
        let clock = ManualClock()
        let registry = MemoryRegistry(clock: TimeSource(clock))
        let backend = MemoryBackend(registry: registry)
        let election = try Self.election(registry, ttl: .milliseconds(300), clock: TimeSource(clock))
        let office = Office()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await backend.run() }
            group.addTask {
                try? await election.run { token in
                    office.enter("one", token)
                    defer { office.leave() }
                    try await Task.sleep(for: .seconds(60))
                }
            }
            try await eventually { election.isLeader }
            // Time goes on only where something waits for it: a machine that is busy makes nobody late.
            registry.setReachable(false)
            try await eventually {
                if election.isLeader { clock.advance(by: .milliseconds(20)) }
                return !election.isLeader
            }
            #expect(office.leaders.count == 1)
            registry.setReachable(true)
            try await eventually {
                if !election.isLeader { clock.advance(by: .milliseconds(20)) }
                return office.leaders.count == 2 && election.isLeader
            }
            group.cancelAll()
        }
        #expect(election.state == .stopped)
        #expect(office.most == 1)
        #expect(office.tokens.count == 2 && office.tokens[0] < office.tokens[1])
    }

    @Test("an error of what it leads ends it, and the lock is free")
    func failure() async throws {
        struct Failure: Error {}
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        let election = try Self.election(registry)
        await #expect(throws: Failure.self) { try await election.run { _ in throw Failure() } }
        #expect(try await backend.holder(of: election.name) == nil)
        // An error of a backend that the work uses is the work's, not the lock's.
        await #expect(throws: BackendError.self) {
            try await election.run { _ in throw BackendError(.unavailable, "the store is away") }
        }
    }

    @Test("its states are told from the present one on, and end with it")
    func states() async throws {
        let registry = MemoryRegistry()
        let election = try Self.election(registry)
        let told = MutexBox<[LeaderElection.State]>([])
        let isAtWork = Signal()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await state in election.states { told.change { $0.append(state) } }
            }
            try? await eventually { told.value.count == 1 }
            group.addTask {
                try? await election.run { _ in await isAtWork.wait() }
            }
            try? await eventually { election.isLeader && told.value.last == election.state }
            isAtWork.raise()
        }
        #expect(told.value.first == .idle)
        #expect(told.value.last == .stopped)
    }

    @Test("those who do not run for it see who leads")
    func observation() async throws {
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        let election = try Self.election(registry)
        let tokens = MutexBox<[UInt64?]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try? await backend.watchHolder(of: election.name, every: .milliseconds(5)) { holder in
                    tokens.change { $0.append(holder?.token) }
                }
            }
            try await eventually { tokens.value == [nil] }
            group.addTask { try? await election.run { _ in try await Task.sleep(for: .seconds(60)) } }
            try await eventually { tokens.value.count == 2 && tokens.value[1] != nil }
            group.cancelAll()
        }
    }
}
