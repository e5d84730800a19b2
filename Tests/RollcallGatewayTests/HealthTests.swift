import HTTPEngine
import Rollcall
import Testing

@testable import RollcallGateway

@Suite("What is known of instances")
struct HealthTests {
    private static func moment(_ seconds: Double) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .seconds(seconds))
    }

    private static func upstream() throws -> Upstream {
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            endpoints: [Endpoint(scheme: "http", host: "10.0.0.1", port: 80)]
        )
        return Upstream(try #require(Upstream.Key(instance)), threshold: 3)
    }

    @Test("an instance that cannot be reached is left out, longer each time and never longer than a minute")
    func ejection() throws {
        let upstream = try Self.upstream()
        #expect(upstream.noteFailure(at: Self.moment(0)) == nil)
        #expect(upstream.noteFailure(at: Self.moment(0)) == nil)
        #expect(upstream.noteFailure(at: Self.moment(0)) == .seconds(1))
        #expect(upstream.isEjected(at: Self.moment(0.9)))
        #expect(!upstream.isEjected(at: Self.moment(1)))
        #expect(upstream.noteFailure(at: Self.moment(1)) == .seconds(2))
        #expect(upstream.noteFailure(at: Self.moment(2)) == nil)
        var now = 3.0
        var longest = Duration.zero
        for _ in 0..<20 {
            let duration = try #require(upstream.noteFailure(at: Self.moment(now)))
            longest = max(longest, duration)
            now += duration / .seconds(1)
        }
        #expect(longest == .seconds(60))
        upstream.noteSuccess()
        #expect(!upstream.isEjected(at: Self.moment(now)))
        #expect(upstream.noteFailure(at: Self.moment(now)) == nil)
    }

    @Test("the budget gives a share of the requests and some each second, over ten seconds")
    func budget() {
        let tokens = RetryTokens(
            GatewayConfiguration.RetryBudget(share: 0.2, perSecond: 1),
            now: Self.moment(0)
        )
        func takeAll(_ requests: Int, _ seconds: Double) -> Int {
            var count = 0
            while tokens.take(requests: requests, at: Self.moment(seconds)) { count += 1 }
            return count
        }
        #expect(takeAll(0, 0) == 10)
        #expect(takeAll(1000, 0) == 200)
        #expect(takeAll(1000, 1) == 0)
        #expect((9...10).contains(takeAll(1000, 200)))
        #expect(!tokens.take(requests: 1000, at: Self.moment(200)))
        // Of 100 000 requests in an hour, those of the last ten seconds count, about 278, whether or not anybody looked.
        #expect((64...67).contains(takeAll(101_000, 3800)))
    }

    @Test("requests before the first retry count for the last ten seconds only")
    func budgetAtFirst() {
        let budget = GatewayConfiguration.RetryBudget(share: 0.2, perSecond: 0)
        let tokens = RetryTokens(budget, now: Self.moment(0))
        var count = 0
        while tokens.take(requests: 1_000_000, at: Self.moment(10_000)) { count += 1 }
        #expect((195...205).contains(count))
    }

    @Test("no budget, no retry")
    func noBudget() {
        let tokens = RetryTokens(GatewayConfiguration.RetryBudget(share: 0, perSecond: 0), now: Self.moment(0))
        #expect(!tokens.take(requests: 1000, at: Self.moment(100)))
    }

    @Test("only http endpoints can be talked to")
    func endpoints() throws {
        func key(_ url: String...) throws -> Upstream.Key? {
            let endpoints = try url.map { try Endpoint($0) }
            return Upstream.Key(try ServiceInstance(service: ServiceName("web"), endpoints: endpoints))
        }
        #expect(try key("grpc://a:1") == nil)
        #expect(try key("https://a:1") == nil)
        #expect(try key("grpc://a:1", "http://a:2")?.endpoint.port == 2)
        #expect(try key("http://a:2/é") == nil)
    }

    @Test("sizes of chunks and lengths", arguments: [1, 9, 10, 15, 16, 255, 256, 4095, 65536, 1_000_000])
    func numbers(_ number: Int) {
        var output: [UInt8] = []
        BodyWriter.writeDecimal(number, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "\(number)")
        output = []
        [UInt8](repeating: 0, count: number).withUnsafeBytes { BodyWriter.write($0, isChunked: true, to: &output) }
        #expect(output.starts(with: Array("\(String(number, radix: 16))\r\n".utf8)))
    }
}
