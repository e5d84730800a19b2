import Rollcall
import Testing

@testable import RollcallHub

@Suite("FlapDamping")
struct FlapDampingTests {
    private static let rules = FlapDamping.Rules()

    private static func at(_ seconds: Double) -> TimeSource.Instant { TimeSource.Instant(elapsed: .seconds(seconds)) }

    @Test("two failures are borne; a third within half a minute holds it out until the penalty has decayed to one")
    func third() throws {
        var damping = FlapDamping()
        for moment in [0.0, 15] {
            damping.fail(at: Self.at(moment), Self.rules)
            #expect(damping.end(Self.rules) == nil)
        }
        damping.fail(at: Self.at(30), Self.rules)
        // Halves after a minute each: 2^(-1/2) + 2^(-1/4) + 1.
        let penalty = 2.5479
        #expect(abs(damping.penalty(at: Self.at(30), Self.rules) - penalty) < 0.001)
        let end = try #require(damping.end(Self.rules))
        #expect(abs(damping.penalty(at: end, Self.rules) - 1) < 0.001)
        #expect(abs(end.elapsed / .seconds(1) - (30 + 80.96)) < 0.1)
    }

    @Test("failures that lie far apart are borne for ever")
    func apart() {
        var damping = FlapDamping()
        for minute in 0..<1000 {
            damping.fail(at: Self.at(Double(minute) * 60), Self.rules)
            #expect(!damping.isHeld)
        }
    }

    @Test("nobody is held out for longer than the longest time, however often he failed")
    func ceiling() throws {
        var damping = FlapDamping()
        for second in 0..<1000 { damping.fail(at: Self.at(Double(second)), Self.rules) }
        let end = try #require(damping.end(Self.rules))
        let hold = Self.at(999).duration(to: end) / .seconds(1)
        #expect(abs(hold - 300) < 0.1)
    }

    @Test("one that is let in is held out again by its next failure")
    func letIn() {
        var damping = FlapDamping()
        for second in 0..<3 { damping.fail(at: Self.at(Double(second)), Self.rules) }
        damping.letIn()
        #expect(damping.end(Self.rules) == nil)
        damping.fail(at: Self.at(4), Self.rules)
        #expect(damping.isHeld)
    }
}
