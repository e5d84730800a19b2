import Testing

@testable import Rollcall

@Suite("Outlier machine")
struct OutlierMachineTests {
    private let rules = OutlierDetection(
        consecutiveFailures: 3,
        baseTime: .seconds(10),
        maximumTime: .seconds(25)
    )

    private func moment(_ seconds: Int) -> TimeSource.Instant { TimeSource.Instant(elapsed: .seconds(seconds)) }

    @Test("failures count in a row only")
    func row() {
        let machine = Machine()
        for _ in 0..<2 {
            #expect(!machine.noteFailure(wasTrial: false, at: moment(0), self.rules))
            #expect(!machine.noteFailure(wasTrial: false, at: moment(0), self.rules))
            #expect(!machine.noteSuccess(wasTrial: false))
        }
        #expect(machine.failures == 0)
        for _ in 0..<2 { #expect(!machine.noteFailure(wasTrial: false, at: moment(1), self.rules)) }
        #expect(machine.noteFailure(wasTrial: false, at: moment(1), self.rules))
    }

    @Test("each further time out is longer, up to the longest, until it answered well once it was back")
    func times() {
        let machine = Machine()
        var now = 0
        for expected in [10, 20, 25, 25] {
            #expect(machine.eject(at: moment(now), self.rules) == moment(now + expected))
            #expect(!machine.beginTrial(at: moment(now + expected - 1)))
            #expect(machine.beginTrial(at: moment(now + expected)))
            now += expected
            #expect(machine.takeTrialCall())
            #expect(machine.noteFailure(wasTrial: true, at: moment(now), self.rules))
        }
        _ = machine.eject(at: moment(now), self.rules)
        #expect(machine.beginTrial(at: moment(now + 25)))
        #expect(machine.takeTrialCall())
        #expect(machine.noteSuccess(wasTrial: true))
        #expect(machine.phase == .admitted)
        #expect(!machine.noteSuccess(wasTrial: false))
        #expect(machine.eject(at: moment(500), self.rules) == moment(510))
    }

    @Test("a clock that jumps ahead ends a time out by a trial; later ones are as long as ever")
    func jump() {
        let machine = Machine()
        #expect(machine.eject(at: moment(0), self.rules) == moment(10))
        #expect(machine.beginTrial(at: moment(86_400)))
        #expect(machine.phase == .trial(since: moment(86_400)))
        #expect(machine.takeTrialCall())
        #expect(machine.noteFailure(wasTrial: true, at: moment(86_401), self.rules))
        #expect(machine.eject(at: moment(86_401), self.rules) == moment(86_421))
    }

    @Test("a trial is one call at a time, and a call that tells nothing gives it back")
    func trial() {
        let machine = Machine()
        #expect(!machine.takeTrialCall())
        _ = machine.eject(at: moment(0), self.rules)
        #expect(!machine.takeTrialCall())
        #expect(machine.beginTrial(at: moment(10)))
        #expect(machine.takeTrialCall())
        #expect(!machine.takeTrialCall())
        machine.noteNothing(wasTrial: true)
        #expect(machine.takeTrialCall())
    }

    @Test("calls from before the ejection change nothing about a trial")
    func stragglers() {
        let machine = Machine()
        _ = machine.eject(at: moment(0), self.rules)
        #expect(!machine.noteSuccess(wasTrial: false))
        #expect(!machine.noteFailure(wasTrial: false, at: moment(1), self.rules))
        #expect(machine.beginTrial(at: moment(10)))
        #expect(!machine.noteSuccess(wasTrial: false))
        #expect(!machine.noteFailure(wasTrial: false, at: moment(11), self.rules))
        #expect(machine.phase == .trial(since: moment(10)))
    }

    @Test(
        "of few instances at least one stays, and no more than the share goes",
        arguments: [
            (1, 0), (2, 1), (3, 1), (4, 2), (100, 50),
        ]
    )
    func allowance(_ count: Int, _ allowed: Int) {
        #expect(OutlierDetection().allowance(of: count) == allowed)
        #expect(OutlierDetection(maximumShare: 1).allowance(of: count) == count - 1)
        #expect(OutlierDetection(maximumShare: 0).allowance(of: count) == 0)
    }

    @Test("what makes no sense is mended")
    func limits() {
        let rules = OutlierDetection(
            consecutiveFailures: 0,
            baseTime: .seconds(-1),
            maximumTime: .seconds(-2),
            maximumShare: .nan
        )
        #expect(rules.consecutiveFailures == 1)
        #expect(rules.baseTime == .zero)
        #expect(rules.maximumTime == .zero)
        #expect(rules.maximumShare == 0)
    }

    /// The machine, of which calls stand in expectations without being told to change it.
    private final class Machine {
        private var value = OutlierMachine()

        var failures: Int { self.value.failures }
        var phase: OutlierMachine.Phase { self.value.phase }

        func noteSuccess(wasTrial: Bool) -> Bool { self.value.noteSuccess(wasTrial: wasTrial) }

        func noteFailure(wasTrial: Bool, at now: TimeSource.Instant, _ rules: OutlierDetection) -> Bool {
            self.value.noteFailure(wasTrial: wasTrial, at: now, rules)
        }

        func noteNothing(wasTrial: Bool) { self.value.noteNothing(wasTrial: wasTrial) }

        func eject(at now: TimeSource.Instant, _ rules: OutlierDetection) -> TimeSource.Instant {
            self.value.eject(at: now, rules)
        }

        func beginTrial(at now: TimeSource.Instant) -> Bool { self.value.beginTrial(at: now) }

        func takeTrialCall() -> Bool { self.value.takeTrialCall() }
    }
}
