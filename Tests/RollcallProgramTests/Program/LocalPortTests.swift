import Foundation
import RollcallProgram
import Testing

@Suite("LocalPort")
struct LocalPortTests {
    @Test("a port answers where somebody listens, and not where it is merely taken")
    func answers() async throws {
        let (listener, port) = try Self.open(listens: true)
        defer { close(listener) }
        #expect(await LocalPort.answers("127.0.0.1", port))
        let (holder, silentPort) = try Self.open(listens: false)
        defer { close(holder) }
        #expect(await !LocalPort.answers("127.0.0.1", silentPort))
        #expect(await !LocalPort.answers("nowhere", port))
    }

    private static func open(listens: Bool) throws -> (descriptor: Int32, port: UInt16) {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
                    && (!listens || listen(descriptor, 4) == 0)
            }
        }
        try #require(status)
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
