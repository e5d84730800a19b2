import Rollcall
import Testing

@testable import RollcallProbes

/// The rules once more, as plainly as can be: for each endpoint the whole history of its checks.
private struct PlainModel {
    struct Key: Hashable {
        let service: ServiceName
        let id: InstanceID
    }

    var instances: [Key: [Endpoint: [(at: Int, passed: Bool)]]] = [:]
    let rules: ProbeRules

    func verdict(of key: Key, at now: Int) -> (verdict: ProbeVerdict, failures: Int) {
        let all = (self.instances[key] ?? [:]).values.map { self.judge($0, at: now) }
        let failures = all.map(\.failures).max() ?? 0
        if all.contains(where: { $0.verdict == .failing }) { return (.failing, failures) }
        if all.isEmpty || all.contains(where: { $0.verdict == .unknown }) { return (.unknown, failures) }
        return (.passing, failures)
    }

    private func judge(_ history: [(at: Int, passed: Bool)], at now: Int) -> (verdict: ProbeVerdict, failures: Int) {
        let age = Int(self.rules.maximumAge / .seconds(1))
        var verdict = ProbeVerdict.unknown
        var row: [Bool] = []
        for (index, check) in history.enumerated() {
            if index > 0, check.at - history[index - 1].at >= age {
                verdict = .unknown
                row = []
            }
            if row.last != check.passed { row = [] }
            row.append(check.passed)
            if check.passed, verdict != .failing || row.count >= self.rules.successThreshold { verdict = .passing }
            if !check.passed, row.count >= self.rules.failureThreshold { verdict = .failing }
        }
        guard let last = history.last, now - last.at < age else { return (.unknown, 0) }
        return (verdict, row.last == false ? row.count : 0)
    }
}

@Suite("ProbeTable beside a plain model", .timeLimit(.minutes(1)))
struct ProbeTableModelTests {
    @Test("random snapshots, outcomes and pauses give the same verdicts", arguments: 0..<20 as Range<UInt64>)
    func histories(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let rules = ProbeRules(failureThreshold: 2, successThreshold: 2, jitter: 0.1, maximumAge: .seconds(40))
        var table = ProbeTable<Endpoint>(rules: rules, generator: SplitMix64(seed: seed)) { endpoint, _ in endpoint }
        var model = PlainModel(rules: rules)
        var reported: [PlainModel.Key: (verdict: ProbeVerdict, failures: Int)] = [:]
        var underWay: [(attempt: ProbeTable<Endpoint>.Attempt, key: PlainModel.Key, isGone: Bool)] = []
        let services = try ["web", "shop"].map { (name) throws(ValidationError) in try ServiceName(name) }
        for second in 0..<1500 {
            let now = TimeSource.Instant(elapsed: .seconds(second))
            table.expire(at: now)
            if Int.random(in: 0..<20, using: &generator) == 0 {
                let service = services[Int.random(in: 0..<2, using: &generator)]
                let snapshot = try Self.snapshot(of: service, &generator)
                table.track(snapshot, of: service, at: now)
                Self.apply(snapshot, of: service, to: &model, &underWay, &reported)
            }
            // At times nothing is checked for long.
            if second % 400 < 300, Bool.random(using: &generator), let attempt = table.takeDue(at: now) {
                underWay.append((attempt, try Self.key(of: attempt), false))
            }
            if second % 400 < 300, Int.random(in: 0..<3, using: &generator) > 0, !underWay.isEmpty {
                let (attempt, key, isGone) = underWay.remove(at: Int.random(in: underWay.indices, using: &generator))
                let passes = Int.random(in: 0..<5, using: &generator) > 1
                table.finish(attempt.token, passes ? .passed("") : .failed(""), at: now)
                if !isGone { model.instances[key]?[attempt.target]?.append((second, passes)) }
            }
            for report in table.takeReports() {
                reported[.init(service: report.service, id: report.id)] = (report.verdict, report.failures)
            }
            for key in model.instances.keys {
                let expected = model.verdict(of: key, at: second)
                let found = reported[key] ?? (.unknown, 0)
                let isSame = found.verdict == expected.verdict && (found.failures > 0) == (expected.failures > 0)
                if !isSame { Issue.record("\(key) at \(second): \(found) instead of \(expected)") }
            }
            #expect(table.count == model.instances.values.reduce(0) { $0 + $1.count })
        }
    }

    /// Endpoints carry who they belong to, so that an attempt tells.
    private static func snapshot(
        of service: ServiceName,
        _ generator: inout SplitMix64
    ) throws -> [ServiceInstance] {
        try (0..<4).compactMap { number in
            guard Int.random(in: 0..<4, using: &generator) > 0 else { return nil }
            let hosts = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                "h\(Int.random(in: 0..<4, using: &generator))"
            }
            return try ServiceInstance(
                service: service,
                id: InstanceID("i-\(number)"),
                endpoints: Set(hosts).sorted().map { host in
                    try Endpoint(scheme: "http", host: host, port: 80, path: "/\(service)/i-\(number)")
                }
            )
        }
    }

    private static func key(of attempt: ProbeTable<Endpoint>.Attempt) throws -> PlainModel.Key {
        let parts = attempt.target.path.split(separator: "/").map { String($0) }
        return try .init(service: ServiceName(parts[0]), id: InstanceID(parts[1]))
    }

    private static func apply(
        _ snapshot: [ServiceInstance],
        of service: ServiceName,
        to model: inout PlainModel,
        _ underWay: inout [(attempt: ProbeTable<Endpoint>.Attempt, key: PlainModel.Key, isGone: Bool)],
        _ reported: inout [PlainModel.Key: (verdict: ProbeVerdict, failures: Int)]
    ) {
        for key in model.instances.keys where key.service == service {
            guard !snapshot.contains(where: { $0.id == key.id }) else { continue }
            model.instances[key] = nil
            reported[key] = nil
        }
        for instance in snapshot {
            let key = PlainModel.Key(service: service, id: instance.id)
            let former = model.instances[key] ?? [:]
            model.instances[key] = Dictionary(uniqueKeysWithValues: instance.endpoints.map { ($0, former[$0] ?? []) })
        }
        for index in underWay.indices {
            let (attempt, key, _) = underWay[index]
            if key.service == service, model.instances[key]?[attempt.target] == nil { underWay[index].isGone = true }
        }
    }
}
