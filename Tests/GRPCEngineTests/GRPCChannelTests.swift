import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import GRPCEngine

@Suite("Channels of gRPC", .timeLimit(.minutes(1)))
struct GRPCChannelTests {
    private static let method = "/etcdserverpb.KV/Range"

    private func withChannel(
        to ports: [Int],
        messageLimit: Int = 1 << 20,
        _ body: (GRPCChannel) async throws -> Void
    ) async throws {
        let servers = ports.map { Origin(host: "127.0.0.1", port: $0) }
        var configuration = GRPCChannel.Configuration(servers: servers, name: "test", log: .silent)
        configuration.messageLimit = messageLimit
        let channel = try GRPCChannel(configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await channel.run() }
            defer { group.cancelAll() }
            try await body(channel)
        }
    }

    private func deadline(_ channel: GRPCChannel, _ seconds: Int = 10) -> TimeSource.Instant {
        channel.clock.now.advanced(by: .seconds(seconds))
    }

    @Test("an answer that is longer than is allowed fails alone: the connection goes on")
    func tooLong() async throws {
        try await FakeGRPCServer.withServer { call in
            call.answer([UInt8](repeating: 7, count: call.message.isEmpty ? 10 : 100_000))
        } _: { server in
            try await self.withChannel(to: [server.port], messageLimit: 1000) { channel in
                let error = await #expect(throws: GRPCError.self) {
                    _ = try await channel.call(Self.method, [1], until: self.deadline(channel))
                }
                #expect(error?.isLocal == true)
                #expect(error?.mayBeApplied == true)
                let answer = try await channel.call(Self.method, [], until: self.deadline(channel))
                #expect(answer.count == 10)
                #expect(server.connectionCount == 1)
            }
        }
    }

    @Test("a server is left by who knows its connection; who knows an older one leaves nobody")
    func leaving() async throws {
        try await FakeGRPCServer.withServer { call in
            call.answer([1])
        } _: { server in
            try await self.withChannel(to: [server.port]) { channel in
                _ = try await channel.call(Self.method, [], until: self.deadline(channel))
                let first = channel.connectionNumber
                channel.leaveServer(of: first)
                // Whoever calls now waits for the next connection.
                _ = try await channel.call(Self.method, [], until: self.deadline(channel))
                let second = channel.connectionNumber
                #expect(second > first)
                channel.leaveServer(of: first)
                let number = try await channel.withStream(Self.method) { (stream) throws(GRPCError) in
                    stream.send([])
                    _ = try await stream.next()
                    return stream.connectionNumber
                }
                #expect(number == second)
                #expect(server.connectionCount == 2)
            }
        }
    }

    @Test("where no server can be reached a call fails at once")
    func unreachable() async throws {
        let port = try RefusingPort.reserve()
        try await self.withChannel(to: [port, port]) { channel in
            let start = channel.clock.now
            let error = await #expect(throws: GRPCError.self) {
                _ = try await channel.call(Self.method, [], until: self.deadline(channel, 50))
            }
            #expect(error?.status == .unavailable)
            #expect(error?.mayBeApplied == false)
            #expect(start.duration(to: channel.clock.now) < .seconds(10))
        }
    }

    @Test("a call that nobody runs the channel for waits until its time is over, and says why")
    func notRunning() async throws {
        let port = try RefusingPort.reserve()
        let servers = [Origin(host: "127.0.0.1", port: port)]
        let channel = try GRPCChannel(GRPCChannel.Configuration(servers: servers, name: "test", log: .silent))
        let error = await #expect(throws: GRPCError.self) {
            let deadline = channel.clock.now.advanced(by: .milliseconds(200))
            _ = try await channel.call(Self.method, [], until: deadline)
        }
        #expect(error == .notRunning)
    }

    @Test("a stream that lasts longer than it may ends, also while something comes all the time")
    func lifetime() async throws {
        try await FakeGRPCServer.withServer { call in
            call.send([1])
        } _: { server in
            try await self.withChannel(to: [server.port]) { channel in
                let error = await #expect(throws: GRPCError.self) {
                    try await channel.withStream(Self.method, lifetime: .milliseconds(300)) {
                        (stream) throws(GRPCError) in
                        // Each answer is asked for at once anew.
                        repeat { stream.send([]) } while try await stream.next() != nil
                    }
                }
                #expect(error?.status == .deadlineExceeded)
                #expect(error?.isLocal == true)
            }
        }
    }
}
