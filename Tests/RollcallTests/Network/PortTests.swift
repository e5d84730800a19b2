import Foundation
import Rollcall
import RollcallTesting
import Testing

@Suite("Ports", .serialized, .timeLimit(.minutes(1)))
struct PortTests {
    @Test("a free port can be bound at once, over IPv4 and IPv6", arguments: ["127.0.0.1", "::1", "0.0.0.0", "::"])
    func freePorts(_ host: String) throws {
        let port = try FreePort.find(on: host)
        let bound = try BoundPort(on: host, port: port)
        #expect(bound.port == port)
        #expect(bound.address == (try HostAndPort(host: host, port: port)))
    }

    @Test("a bound port takes connections, and nobody else gets it until it goes")
    func bound() async throws {
        let port: Int
        do {
            let bound = try BoundPort()
            port = bound.port
            #expect(Self.connects(to: port))
            let error = try #require(throws: BackendError.self) { try FreePort.find(in: port...port) }
            #expect(error.code == .notFound)
            #expect(Self.code { try BoundPort(port: port).port } == .notFound)
            _ = consume bound
        }
        // A child that another test starts has all descriptors until it begins its program.
        try await eventually { (try? BoundPort(port: port).port) == port }
    }

    @Test("what was taken over stays open, and closes on exec")
    func takenOver() async throws {
        let bound = try BoundPort()
        let port = bound.port
        let descriptor = bound.take()
        #expect(Self.connects(to: port))
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        #expect(Self.code { try BoundPort(port: port).port } == .notFound)
        #expect(close(descriptor) == 0)
        try await eventually { !Self.connects(to: port) }
    }

    @Test("of a range the first free port is taken; when none is free the error names the range")
    func ranges() throws {
        let bound = try BoundPort()
        let range = bound.port...min(bound.port + 50, 65535)
        if range.count > 1 {
            let other = try BoundPort(in: range)
            #expect(range.contains(other.port) && other.port != bound.port)
        }
        let error = try #require(throws: BackendError.self) { try FreePort.find(in: range.lowerBound...bound.port) }
        #expect(error.code == .notFound)
        #expect(error.message.contains("\(bound.port)...\(bound.port)") && error.message.contains("127.0.0.1"))
        _ = consume bound
    }

    @Test("tasks that look for a port in one range at the same time get different ones")
    func race() async throws {
        let first = try FreePort.find()
        let range = max(1024, first - 200)...max(1024, first - 200) + 200
        let descriptors = await withTaskGroup(of: (Int, Int32)?.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    guard let bound = try? BoundPort(in: range) else { return nil }
                    let port = bound.port
                    return (port, bound.take())
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let found = descriptors.compactMap(\.self)
        #expect(found.count == 16)
        #expect(Set(found.map(\.0)).count == found.count)
        for (_, descriptor) in found { close(descriptor) }
    }

    @Test("bad arguments are named", arguments: ["nowhere", "", "localhost", "[::1]", "127.0.0.1\u{0}", "127.0.0.256"])
    func badHosts(_ host: String) throws {
        let error = try #require(throws: BackendError.self) { try FreePort.find(on: host) }
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains("host: \(host.debugDescription.prefix(4))"), "\(error)")
    }

    @Test("ports and ranges beyond what ports are, and addresses of other machines, are refused")
    func badPorts() {
        #expect(Self.code { try BoundPort(port: 65536).port } == .invalidArgument)
        #expect(Self.code { try BoundPort(port: -1).port } == .invalidArgument)
        #expect(Self.code { try FreePort.find(in: 0...5) } == .invalidArgument)
        #expect(Self.code { try FreePort.find(in: 65000...65536) } == .invalidArgument)
        #expect(Self.code { try FreePort.find(on: "192.0.2.1") } == .invalidArgument)
        #expect(Self.code { try FreePort.find(in: 5000...5001, on: "192.0.2.1") } == .invalidArgument)
    }

    @Test("a free local address is that of its family")
    func localAddresses() throws {
        let four = try FreePort.localIPv4Address()
        #expect(four.host == "127.0.0.1" && four.port ?? 0 > 0)
        let six = try FreePort.localIPv6Address()
        #expect(six.description == "[::1]:\(six.port ?? 0)")
        let port = try FreePort.find(on: "::1")
        #expect(try FreePort.localIPv6Address(in: port...port).port == port)
        #expect(try FreePort.localIPv4Address(in: 20000...40000).port ?? 0 >= 20000)
    }

    private static func code(_ body: () throws -> Int) -> BackendError.Code? {
        #expect(throws: BackendError.self) { try body() }?.code
    }

    private static func connects(to port: Int) -> Bool {
        guard let address = SocketAddress(host: "127.0.0.1", port: port) else { return false }
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        return address.withSystemAddress { connect(descriptor, $0, $1) } == 0
    }
}
