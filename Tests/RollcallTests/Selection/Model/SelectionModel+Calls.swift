import Foundation

@testable import Rollcall

/// What calls and probes tell.
extension SelectionModel {
    /// A call that is under way.
    struct Call {
        let number: Int
        let plain: Plain
        let known: Known
        let began: Int
    }

    mutating func beginCall(to plain: Plain, isTrial: Bool) -> Call? {
        guard let known = self.known[plain.id] else { return nil }
        self.lastCall += 1
        known.outstanding += 1
        if isTrial { known.trialCall = self.lastCall }
        return Call(number: self.lastCall, plain: plain, known: known, began: self.now)
    }

    mutating func end(_ call: Call, _ outcome: CallOutcome) {
        let known = call.known
        known.outstanding -= 1
        let wasTrial = known.trialCall == call.number
        if wasTrial { known.trialCall = nil }
        guard outcome != .ignored else { return }
        self.noteLatency(of: call)
        if outcome == .success {
            known.failuresInARow = 0
            if wasTrial, known.isOnTrial {
                known.phase = .admitted
            } else if known.phase == .admitted {
                known.timesLeftOut = 0
            }
        } else {
            known.failuresInARow += 1
            self.noteFailure(call.plain.id, port: call.plain.port)
            self.refresh()
            self.leaveOut(call, wasTrial: wasTrial)
        }
        self.refresh()
    }

    mutating func accept(_ id: Int, _ verdict: ProbeVerdict, failures: Int) {
        if failures > 0 { self.noteFailure(id) }
        self.refresh()
        guard let known = self.known[id] else { return }
        if verdict == .passing, case .trial = known.phase {
            (known.phase, known.failuresInARow) = (.admitted, 0)
        }
        self.probes[id] = (verdict, failures)
        self.refresh()
    }

    private func leaveOut(_ call: Call, wasTrial: Bool) {
        guard let rules = self.setup.outliers, self.known[call.plain.id] === call.known else { return }
        let known = call.known
        switch known.phase {
        case .admitted: guard known.failuresInARow >= rules.consecutiveFailures else { return }
        case .trial: guard wasTrial else { return }
        case .ejected: return
        }
        let out = self.known.values.count { $0.isEjected }
        guard Double(out + 1) <= Double(self.known.count) * rules.maximumShare, out + 1 < self.known.count else {
            return
        }
        known.timesLeftOut += 1
        known.failuresInARow = 0
        let time = min(rules.baseTime.inMilliseconds * known.timesLeftOut, rules.maximumTime.inMilliseconds)
        known.phase = .ejected(since: self.now, until: self.now + time)
    }

    /// Finagle's peak EWMA: up at once, down with the time that has passed.
    private func noteLatency(of call: Call) {
        let known = call.known
        let latency = max(Double(self.now - call.began) * 1e6, 1)
        if latency >= known.average {
            known.average = latency
        } else {
            let weight = exp(-Double(self.now - known.averageAt) / 1000 / 10)
            known.average = known.average * weight + latency * (1 - weight)
        }
        known.averageAt = self.now
    }
}
