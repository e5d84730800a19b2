import Testing

@testable import Rollcall

@Suite("LocalAddresses", .timeLimit(.minutes(1)))
struct LocalAddressTests {
    @Test("private IPv4 addresses come first, then other IPv4, then IPv6; what others cannot reach is left out")
    func order() throws {
        let candidates = try [
            (1, "127.0.0.1"), (1, "::1"), (4, "fe80::1"), (4, "2001:db8::1"), (4, "fd00::1"), (4, "203.0.113.9"),
            (4, "169.254.7.7"), (9, "10.0.0.1"), (4, "192.168.1.5"), (4, "172.31.0.1"), (4, "172.32.0.1"),
            (5, "192.168.1.5"), (2, "::"), (2, "0.0.0.0"), (2, "ff02::1"), (2, "224.0.0.1"), (3, "100.64.0.1"),
        ].map(Self.candidate)
        let expected = [
            "172.31.0.1", "192.168.1.5", "10.0.0.1", "100.64.0.1", "172.32.0.1", "203.0.113.9", "fd00::1",
            "2001:db8::1",
        ]
        #expect(LocalAddresses.ordered(candidates) == expected)
        for _ in 0..<20 { #expect(LocalAddresses.ordered(candidates.shuffled()) == expected) }
        #expect(LocalAddresses.ordered([]).isEmpty)
    }

    @Test("this machine's addresses are never loopback ones, or the error says that there is none")
    func machine() {
        do throws(BackendError) {
            let addresses = try LocalAddresses.all()
            #expect(try addresses.first == LocalAddresses.preferred())
            #expect(addresses == (try LocalAddresses.all()))
            for address in addresses {
                #expect(!address.hasPrefix("127.") && address != "::1" && !address.hasPrefix("fe80:"))
                let hosts = try? HostAndPort(address)
                #expect(hosts?.host == address && hosts?.port == nil)
                #expect(throws: Never.self) { try FreePort.find(on: address) }
            }
        } catch {
            #expect(error.code == .notFound)
            #expect(error.message.contains("loopback"))
        }
    }

    private static func candidate(_ interface: UInt32, _ host: String) throws -> LocalAddresses.Candidate {
        .init(interface: interface, address: try #require(SocketAddress(host: host, port: 0)))
    }
}
