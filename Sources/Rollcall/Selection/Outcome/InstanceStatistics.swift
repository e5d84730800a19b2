import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What calls told of one instance, for as long as a client knows it at one address.
public final class InstanceStatistics: Sendable {
    /// What a choice must look at before it takes the instance.
    enum Gate: UInt8 {
        case open
        /// It came lately, and gets its share little by little.
        case ramp
        /// It was left out, and one call at a time tries whether it is back.
        case trial
    }

    private struct State {
        var outliers = OutlierMachine()
        var average = 0.0
        var averageAt = 0.0
    }

    /// In how many seconds the weight of a latency falls to 1/e: Finagle's usual 10 s.
    private static let decaySeconds = 10.0

    private let count = Atomic<Int>(0)
    /// The bits of the average in nanoseconds, so that choices read it without the lock.
    private let publishedAverage = Atomic<UInt64>(0)
    private let publishedGate = Atomic<UInt8>(0)
    private let state = Mutex(State())
    /// Where the instance listens: at other addresses it is somebody else.
    let endpoints: [Endpoint]
    /// From when to when a new instance gets its share little by little.
    let ramp: Range<TimeSource.Instant>?

    /// Creates the statistics of an instance of which nothing is known.
    public convenience init() { self.init(endpoints: [], ramp: nil) }

    init(endpoints: [Endpoint], ramp: Range<TimeSource.Instant>?) {
        self.endpoints = endpoints
        self.ramp = ramp
        if ramp != nil { self.publishedGate.store(Gate.ramp.rawValue, ordering: .relaxed) }
    }

    /// How many calls are under way.
    public var outstanding: Int { self.count.load(ordering: .relaxed) }

    /// The moving average of how long calls took; `nil` before the first.
    public var averageLatency: Duration? {
        let nanoseconds = self.averageNanoseconds
        return nanoseconds > 0 ? .nanoseconds(Int64(nanoseconds)) : nil
    }

    /// What the next call is expected to take, calls under way counted.
    var expectedNanoseconds: Double {
        let calls = Double(self.outstanding)
        // Nothing is known: as fast as can be, but whoever has calls under way has proved nothing yet.
        return max(self.averageNanoseconds, 1 + calls * 1e6) * (calls + 1)
    }

    var gate: Gate { Gate(rawValue: self.publishedGate.load(ordering: .relaxed)) ?? .open }

    private var averageNanoseconds: Double {
        Double(bitPattern: self.publishedAverage.load(ordering: .relaxed))
    }

    /// What calls told of it, as one value.
    var outliers: OutlierMachine { self.state.withLock { $0.outliers } }

    var isEjected: Bool {
        if case .ejected = self.outliers.phase { true } else { false }
    }

    /// When its time out or its ramp is over.
    var nextDue: TimeSource.Instant? {
        if case .ejected(_, let until) = self.outliers.phase { return until }
        return self.gate == .ramp ? self.ramp?.upperBound : nil
    }

    func beginCall() { self.count.wrappingAdd(1, ordering: .relaxed) }

    /// Takes the one call that a trial allows at a time.
    ///
    /// - Returns: The trial that it is the call of, or `nil` when somebody else has it.
    func takeTrialCall() -> Int? {
        self.state.withLock { $0.outliers.takeTrialCall() ? $0.outliers.trials : nil }
    }

    func openGate() { self.publishedGate.store(Gate.open.rawValue, ordering: .relaxed) }

    /// Changes what calls told of it.
    func withOutliers<Value: Sendable>(_ body: (inout OutlierMachine) -> Value) -> Value {
        self.state.withLock { state in
            let value = body(&state.outliers)
            if case .trial = state.outliers.phase {
                self.publishedGate.store(Gate.trial.rawValue, ordering: .relaxed)
            } else if self.gate == .trial {
                self.openGate()
            }
            return value
        }
    }

    /// Ends a call that ``beginCall()`` began, and that was the one of a trial if that is given.
    ///
    /// - Returns: What follows for the instance.
    func endCall(
        _ outcome: CallOutcome,
        trial: Int?,
        began: TimeSource.Instant,
        at now: TimeSource.Instant,
        _ rules: OutlierDetection?
    ) -> CallConsequence {
        self.count.wrappingSubtract(1, ordering: .relaxed)
        return self.state.withLock { state in
            // A call of a former trial says nothing about this one, which has a call of its own.
            let wasTrial = trial == state.outliers.trials
            switch outcome {
            case .ignored:
                state.outliers.noteNothing(wasTrial: wasTrial)
                return .none
            case .success:
                self.note(began.duration(to: now), at: now, &state)
                // Nearly all calls come here, and nothing follows for nearly all of them.
                guard state.outliers.noteSuccess(wasTrial: wasTrial) else { return .none }
                self.openGate()
                return .returns
            case .failure:
                self.note(began.duration(to: now), at: now, &state)
                guard let rules else { return .failed }
                let isOut = state.outliers.noteFailure(wasTrial: wasTrial, at: now, rules)
                return isOut ? .ejection : .failed
            }
        }
    }

    /// What is left of a weight after a time, in units of the time in which it falls to 1/e.
    private static func weight(after time: Double) -> Double {
        // Calls come one soon after the other, and there the first terms are as good to seven digits.
        time < 0.01 ? 1 - time + time * time / 2 : exp(-time)
    }

    private func note(_ latency: Duration, at now: TimeSource.Instant, _ state: inout State) {
        let (nanoseconds, seconds) = (max(latency.inNanoseconds, 1), now.elapsed.inNanoseconds / 1e9)
        if nanoseconds >= state.average {
            state.average = nanoseconds
        } else {
            let weight = Self.weight(after: max(seconds - state.averageAt, 0) / Self.decaySeconds)
            state.average = state.average * weight + nanoseconds * (1 - weight)
        }
        state.averageAt = seconds
        self.publishedAverage.store(state.average.bitPattern, ordering: .relaxed)
    }
}

/// What follows from a call for the instance that was called.
enum CallConsequence: Sendable {
    case none
    case failed
    /// It is to be left out.
    case ejection
    /// Its trial went well.
    case returns
}

extension Duration {
    var inNanoseconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
    }
}
