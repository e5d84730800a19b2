import Rollcall
import RollcallProbes
import Testing

@Suite("ProbeConfiguration")
struct ProbeConfigurationTests {
    private static func fault(_ change: (inout ProbeConfiguration) -> Void) -> ValidationError? {
        var configuration = ProbeConfiguration()
        change(&configuration)
        do throws(ValidationError) {
            _ = try Prober(configuration: configuration)
            return nil
        } catch {
            return error
        }
    }

    @Test("the usual configuration is legal, and so are the bounds")
    func legal() {
        #expect(Self.fault { _ in } == nil)
        #expect(
            Self.fault {
                $0.kind = .http(path: "/health?full=1")
                $0.interval = .milliseconds(100)
                $0.timeout = .milliseconds(1)
                $0.failureThreshold = 1
                $0.successThreshold = 1000
                $0.concurrency = 4096
                $0.jitter = 0.5
                $0.maximumAge = .milliseconds(151)
                $0.maximumConnections = 0
            } == nil
        )
        #expect(Self.fault { $0.interval = .seconds(3600) } == nil)
    }

    @Test("what makes no sense is named with its limit")
    func illegal() {
        #expect(Self.fault { $0.path = "health" }?.field == "path")
        #expect(Self.fault { $0.kind = .http(path: "/a b") }?.field == "kind.path")
        #expect(Self.fault { $0.kind = .http(path: "/a\r\nHost: b") }?.field == "kind.path")
        #expect(Self.fault { $0.kind = .grpc(service: "a\u{0}") }?.field == "kind.service")
        #expect(Self.fault { $0.kind = .grpc(service: String(repeating: "a", count: 2049)) }?.limit == 2048)
        #expect(Self.fault { $0.interval = .zero }?.field == "interval")
        #expect(Self.fault { $0.interval = .seconds(-5) }?.field == "interval")
        #expect(Self.fault { $0.timeout = .zero }?.field == "timeout")
        #expect(Self.fault { $0.failureThreshold = 0 }?.limit == 1)
        #expect(Self.fault { $0.successThreshold = 1001 }?.limit == 1000)
        #expect(Self.fault { $0.concurrency = 0 }?.field == "concurrency")
        #expect(Self.fault { $0.concurrency = 5000 }?.message == "5000 is not from 1 to 4096")
        #expect(Self.fault { $0.jitter = -0.1 }?.field == "jitter")
        #expect(Self.fault { $0.jitter = .nan }?.field == "jitter")
        #expect(Self.fault { $0.maximumConnections = -1 }?.field == "maximumConnections")
        let old = Self.fault {
            $0.interval = .seconds(60)
            $0.maximumAge = .seconds(30)
        }
        #expect(old?.field == "maximumAge")
        #expect(old?.message.contains("at least 68s") == true)
    }
}
