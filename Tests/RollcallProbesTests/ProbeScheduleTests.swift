import Rollcall
import Testing

@testable import RollcallProbes

@Suite("ProbeSchedule", .timeLimit(.minutes(1)))
struct ProbeScheduleTests {
    private struct Model {
        enum Place: Equatable {
            case due(Int)
            case underWay
        }

        var places: [Int: Place] = [:]

        func isDue(_ element: Int, at now: Int) -> Bool {
            if case .due(let due) = self.places[element] { due <= now } else { false }
        }

        var next: Int? {
            self.places.values.compactMap { if case .due(let due) = $0 { due } else { nil } }.min()
        }
    }

    @Test("random histories give what a plain dictionary gives", arguments: 0..<20 as Range<UInt64>)
    func model(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var schedule = ProbeSchedule<Int>()
        var model = Model()
        var tokens: [Int: ProbeToken] = [:]
        var gone: [ProbeToken] = []
        var now = 0
        for element in 0..<1500 {
            let due = now + Int.random(in: -5...200, using: &generator)
            tokens[element] = schedule.insert(element, due: Self.instant(due))
            model.places[element] = .due(due)
            now += Int.random(in: 0...6, using: &generator)
            if Int.random(in: 0..<3, using: &generator) == 0, let victim = tokens.keys.randomElement(using: &generator)
            {
                let taken = tokens.removeValue(forKey: victim)
                let token = try #require(taken)
                let removed = schedule.remove(token)
                #expect(removed == victim)
                model.places[victim] = nil
                gone.append(token)
            }
            if Bool.random(using: &generator), let token = schedule.due(at: Self.instant(now)) {
                let found = try #require(schedule[token])
                #expect(model.isDue(found, at: now) && model.places[found] == model.next.map { .due($0) })
                model.places[found] = .underWay
            }
            if Bool.random(using: &generator),
                let done = model.places.filter({ $0.value == .underWay }).keys.randomElement(using: &generator)
            {
                let due = now + Int.random(in: 0...100, using: &generator)
                let token = try #require(tokens[done])
                let isKnown = schedule.finished(token, next: Self.instant(due))
                #expect(isKnown)
                model.places[done] = .due(due)
            }
            if let token = gone.randomElement(using: &generator) {
                let (removed, isKnown) = (schedule.remove(token), schedule.finished(token, next: Self.instant(now)))
                #expect(schedule[token] == nil && removed == nil && !isKnown)
            }
            #expect(schedule.count == model.places.count)
            #expect(schedule.next == model.next.map(Self.instant))
        }
    }

    @Test("what is due comes in the order in which it is due, however it was put in")
    func order() throws {
        var generator = SplitMix64(seed: 7)
        var schedule = ProbeSchedule<Int>()
        for number in (0..<1000).shuffled(using: &generator) {
            _ = schedule.insert(number, due: Self.instant(number))
        }
        var found: [Int] = []
        while let token = schedule.due(at: Self.instant(2000)) { found.append(try #require(schedule[token])) }
        #expect(found == Array(0..<1000))
        #expect(schedule.next == nil)
    }

    @Test("what is due or removed cannot be finished")
    func notUnderWay() throws {
        var schedule = ProbeSchedule<String>()
        let token = schedule.insert("a", due: Self.instant(5))
        let outcomes = [
            schedule.finished(token, next: Self.instant(9)),
            schedule.due(at: Self.instant(4)) == nil,
            schedule.due(at: Self.instant(5)) == token,
            schedule.due(at: Self.instant(5)) == nil,
        ]
        #expect(outcomes == [false, true, true, true])
        schedule.remove(token)
        let isKnown = schedule.finished(token, next: Self.instant(9))
        #expect(!isKnown)
        let other = schedule.insert("b", due: Self.instant(6))
        #expect(other != token)
        #expect(schedule[token] == nil)
        #expect(schedule[other] == "b")
    }

    private static func instant(_ milliseconds: Int) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .milliseconds(milliseconds))
    }
}
