import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

@Suite("TLS: what passes", .timeLimit(.minutes(2)))
struct TLSTransferTests {
    private let certificates: TestCertificates
    private let tls: TLSConfiguration

    init() throws {
        self.certificates = try TestCertificates()
        self.tls = TLSConfiguration(caFile: self.certificates.ca)
    }

    private func server(_ serve: @escaping @Sendable (TLSTestConnection) -> Void) throws -> TLSTestServer {
        try TLSTestServer(.init(tls: self.certificates.server), serve)
    }

    private func connect(
        to server: TLSTestServer,
        protocols: [String] = ["http/1.1"],
        within limit: Duration = .seconds(30)
    ) async throws(ConnectionError) -> Socket {
        let loop: EventLoop
        do throws(SystemError) { loop = try EventLoops.running().next() } catch {
            throw ConnectionError(.refused, "\(error)")
        }
        let deadline = loop.clock.now.advanced(by: limit)
        return try await Connector.connect(to: server.origin(self.tls), protocols: protocols, on: loop, until: deadline)
    }

    private static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        // A prime, so that no piece of a power of two is like the one before; drawing each byte would take long.
        let block = (0..<min(count, 8191)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes.append(contentsOf: block.prefix(count - bytes.count)) }
        return bytes
    }

    @Test("large bodies come and go whole", arguments: [1, 16384, 65536, 65537, 3_000_001])
    func large(_ count: Int) async throws {
        let server = try self.server(echo)
        let body = Self.bytes(count)
        let request = HTTPClient.Request("PUT", "/", at: server.origin(self.tls), body: body)
        let response = try await HTTPClient(connectTimeout: .seconds(30)).send(request, within: .seconds(30))
        #expect(response.body == body)
    }

    @Test("many requests share a connection, and others do not wait for them")
    func many() async throws {
        let server = try self.server(echo)
        let (origin, client) = (server.origin(self.tls), try HTTPClient(connectTimeout: .seconds(30)))
        for number in 0..<300 {
            let body = Array("number \(number)".utf8)
            let request = HTTPClient.Request("PUT", "/", at: origin, body: body)
            #expect(try await client.send(request, within: .seconds(30)).body == body)
        }
        #expect(server.handshakes.value == 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<30 {
                group.addTask {
                    let body = Self.bytes(10_000 + number, seed: UInt64(number))
                    let request = HTTPClient.Request("PUT", "/", at: origin, body: body)
                    let response = try await client.send(request, within: .seconds(30))
                    #expect(response.body == body)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("one task may write while another reads")
    func bothWays() async throws {
        let server = try self.server { connection in
            while case let bytes = connection.read(), !bytes.isEmpty, connection.write(bytes) {}
        }
        let socket = try await self.connect(to: server)
        let bytes = Self.bytes(4_000_000)
        let received = await withTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                try? await socket.write(bytes, patience: .seconds(20))
                return []
            }
            group.addTask {
                let connection = HTTPConnection(socket)
                var received: [UInt8] = []
                while received.count < bytes.count, (try? await connection.receive(until: nil)) == true {
                    received += connection.takeReceived()
                }
                return received
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        socket.close()
        #expect(received == bytes)
    }

    @Test("a peer that reads nothing holds up its own writer alone, which ends in time")
    func slowPeer() async throws {
        let held = Signal()
        let slow = try self.server { connection in
            while !held.isRaised { usleep(2000) }
            while !connection.read().isEmpty {}
        }
        let quick = try self.server(echo)
        let socket = try await self.connect(to: slow)
        defer { held.raise() }
        let clock = socket.loop.clock
        let error = await #expect(throws: ConnectionError.self) {
            async let answer = HTTPClient(loop: socket.loop)
                .send(.init("PUT", "/", at: quick.origin(self.tls), body: [1]), within: .seconds(30))
            do {
                try await socket.write(Self.bytes(20_000_000), until: clock.now.advanced(by: .seconds(1)))
            } catch {
                #expect(try await answer.body == [1])
                throw error
            }
        }
        #expect(error?.kind == .timeout)
        socket.close()
    }

    @Test("what a slow peer takes little by little arrives whole")
    func trickle() async throws {
        let count = 1_000_000
        let got = MutexBox<[UInt8]>([])
        let server = try self.server { connection in
            while case let bytes = connection.read(upTo: 20_000), !bytes.isEmpty {
                got.change { $0 += bytes }
                usleep(500)
            }
        }
        let socket = try await self.connect(to: server)
        let bytes = Self.bytes(count)
        try await socket.write(bytes, patience: .seconds(10))
        socket.close()
        try await eventually { got.value.count == count }
        #expect(got.value == bytes)
    }

    @Test("a body that ends with the connection is whole when the server says so, and cut off when it does not")
    func truncation() async throws {
        for saysEnd in [true, false] {
            let server = try self.server { connection in
                _ = connection.readHead()
                connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
                if saysEnd { connection.sayEnd() }
            }
            let request = HTTPClient.Request("GET", "/", at: server.origin(self.tls))
            let client = try HTTPClient(connectTimeout: .seconds(30))
            if saysEnd {
                #expect(try await client.send(request, within: .seconds(30)).body == Array("half".utf8))
            } else {
                let error = await #expect(throws: ConnectionError.self) {
                    try await client.send(request, within: .seconds(30))
                }
                #expect(error?.kind == .broken)
                #expect(error?.message.contains("cut") == true)
            }
        }
    }

    @Test("a connection that the server ends while it rests is not used again")
    func restsAndEnds() async throws {
        let server = try self.server { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.sayEnd()
        }
        let client = try HTTPClient(connectTimeout: .seconds(30))
        for _ in 0..<5 {
            let response = try await client.send(.init("POST", "/", at: server.origin(self.tls)), within: .seconds(30))
            #expect(response.body == Array("ok".utf8))
            // Its end is on the way.
            try await eventually { client.pool.takeResting(to: server.origin(self.tls)).map { $0.close() } == nil }
        }
    }

    @Test("connections are kept apart by what they trust")
    func apart() async throws {
        let server = try self.server(echo)
        let client = try HTTPClient(connectTimeout: .seconds(30))
        _ = try await client.send(.init("PUT", "/", at: server.origin(self.tls)), within: .seconds(30))
        let other = server.origin(TLSConfiguration(caFile: self.certificates.otherCA))
        let error = await #expect(throws: ConnectionError.self) {
            try await client.send(.init("PUT", "/", at: other), within: .seconds(30))
        }
        #expect(error?.kind == .untrusted)
    }

    @Test("the protocol inside is agreed on")
    func protocols() async throws {
        let server = try TLSTestServer(.init(tls: self.certificates.server, protocols: ["h2"]), echo)
        let socket = try await self.connect(to: server, protocols: ["h2", "http/1.1"])
        #expect(socket.applicationProtocol == "h2")
        socket.close()
        let error = await #expect(throws: ConnectionError.self) { try await self.connect(to: server) }
        #expect(error?.message.contains("none of the protocols") == true)
        let indifferent = try self.server(echo)
        let other = try await self.connect(to: indifferent)
        #expect(other.applicationProtocol == nil)
        other.close()
    }
}
