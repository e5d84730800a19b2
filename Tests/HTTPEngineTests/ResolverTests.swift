import Rollcall
import RollcallTesting
import Synchronization
import Testing

@testable import HTTPEngine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Names that nobody answers for", .timeLimit(.minutes(1)))
struct ResolverTests {
    /// A resolver of the system that says nothing until it is told to.
    private final class Oracle: Sendable {
        let mayAnswer = Signal()
        private let number = Atomic(0)

        /// How often it was asked.
        var questions: Int { self.number.load(ordering: .sequentiallyConsistent) }

        func answer(_ host: String, _ port: Int) -> [SocketAddress] {
            self.number.wrappingAdd(1, ordering: .sequentiallyConsistent)
            // It blocks its thread, as the system's does.
            while !self.mayAnswer.isRaised { usleep(1000) }
            return [SocketAddress(host: "127.0.0.1", port: port)].compactMap(\.self)
        }
    }

    private static func name(_ number: Int) -> Origin { Origin(host: "name-\(number)", port: 80) }

    @Test("whoever asks waits no longer than he wants to, and may be cancelled")
    func limits() async throws {
        let oracle = Oracle()
        defer { oracle.mayAnswer.raise() }
        let resolver = Resolver { oracle.answer($0, $1) }
        let soon = resolver.clock.now.advanced(by: .milliseconds(50))
        let late = await #expect(throws: ConnectionError.self) {
            try await resolver.addresses(of: Self.name(1), until: soon)
        }
        #expect(late?.kind == .timeout)
        await withTaskGroup(of: ConnectionError.Kind?.self) { group in
            group.addTask {
                do throws(ConnectionError) {
                    _ = try await resolver.addresses(of: Self.name(2), until: soon.advanced(by: .seconds(3600)))
                    return nil
                } catch {
                    return error.kind
                }
            }
            group.cancelAll()
            #expect(await group.next() == .closed)
        }
    }

    @Test("those who ask for the same name share a thread, and there are not more than the limit")
    func sharing() async throws {
        let oracle = Oracle()
        defer { oracle.mayAnswer.raise() }
        let resolver = Resolver(maximumLookups: 2) { oracle.answer($0, $1) }
        let deadline = resolver.clock.now.advanced(by: .seconds(50))
        try await withThrowingTaskGroup(of: [SocketAddress].self) { group in
            for index in 0..<20 {
                group.addTask { try await resolver.addresses(of: Self.name(index % 2), until: deadline) }
            }
            try await eventually { oracle.questions == 2 }
            let refused = await #expect(throws: ConnectionError.self) {
                try await resolver.addresses(of: Self.name(2), until: deadline)
            }
            #expect(refused?.kind == .refused)
            oracle.mayAnswer.raise()
            for try await addresses in group { #expect(addresses.map(\.host) == ["127.0.0.1"]) }
        }
        #expect(try await resolver.addresses(of: Self.name(2), until: deadline).count == 1)
    }
}
