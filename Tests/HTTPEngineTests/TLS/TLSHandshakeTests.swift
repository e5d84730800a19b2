import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

@Suite("TLS: peers that do not speak it", .timeLimit(.minutes(1)))
struct TLSHandshakeTests {
    private let certificates: TestCertificates

    init() throws {
        self.certificates = try TestCertificates()
    }

    /// What a request comes to at a server that says `answer` to whatever comes first, and then ends the connection if
    /// that is said.
    private func failure(
        _ answer: [UInt8],
        closes: Bool = true,
        within limit: Duration = .seconds(25)
    ) async throws -> ConnectionError? {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let origin = Origin(host: "127.0.0.1", port: listener.address.port, tls: .init(caFile: self.certificates.ca))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while let socket = await listener.accept() {
                    let connection = HTTPConnection(socket)
                    let deadline = socket.loop.clock.now.advanced(by: .seconds(30))
                    _ = try? await connection.receive(until: deadline)
                    try? await socket.write(answer, until: deadline)
                    if !closes { while (try? await connection.receive(until: deadline)) == true {} }
                    socket.close()
                }
            }
            defer { listener.close() }
            let client = try HTTPClient(connectTimeout: limit)
            return await #expect(throws: ConnectionError.self) {
                try await client.send(.init("GET", "/", at: origin), within: .seconds(30))
            }
        }
    }

    @Test("a server that speaks plain HTTP is told from one that speaks TLS")
    func plain() async throws {
        let error = try await self.failure(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains("does not speak TLS") == true, "\(String(describing: error))")
    }

    @Test("a server that ends the connection at once refused it")
    func ends() async throws {
        let error = try await self.failure([])
        #expect(error.map { [.refused, .broken].contains($0.kind) } == true, "\(String(describing: error))")
    }

    @Test("a server that says nothing is given up on when the connection had to be there")
    func silent() async throws {
        let error = try await self.failure([], closes: false, within: .seconds(1))
        #expect(error?.kind == .timeout)
        #expect(error?.message.contains("no TLS handshake in time") == true)
    }

    @Test("rubbish is no handshake and harms nothing", arguments: 0..<30)
    func rubbish(_ seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        var bytes = (0..<Int.random(in: 1...2000, using: &generator)).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        // Most of them look like the beginning of a handshake.
        if seed % 3 != 0 { bytes.replaceSubrange(0..<min(5, bytes.count), with: [22, 3, 3, UInt8(seed % 4), 200]) }
        let error = try await self.failure(bytes)
        #expect(error != nil)
    }

    @Test("whoever waits for a handshake can be cancelled")
    func cancelled() async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let origin = Origin(host: "127.0.0.1", port: listener.address.port, tls: .init(caFile: self.certificates.ca))
        let client = try HTTPClient(connectTimeout: .seconds(50))
        let arrived = Signal()
        let error = await withTaskGroup(of: ConnectionError?.self) { group in
            group.addTask {
                do throws(ConnectionError) {
                    _ = try await client.send(.init("GET", "/", at: origin), within: .seconds(50))
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                guard let socket = await listener.accept() else { return nil }
                _ = try? await HTTPConnection(socket).receive(until: nil)
                arrived.raise()
                try? await ContinuousClock().sleep(for: .seconds(50))
                socket.close()
                return nil
            }
            await arrived.wait()
            group.cancelAll()
            var first: ConnectionError?
            for await error in group { first = first ?? error }
            return first
        }
        listener.close()
        #expect(error?.kind == .closed)
    }
}
