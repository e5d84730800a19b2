import RollcallTesting
import Testing

@testable import Rollcall

/// What holds whatever happens, tried on many random histories.
@Suite("Random histories of configurations", .timeLimit(.minutes(2)))
struct ConfigHistoriesTests {
    /// What may happen to a key.
    private enum Event: CaseIterable {
        case good, bad, skipped, older, cleared, rubbish, away, back, refreshed, refreshedBadly, synced, rolledBack
    }

    @Test("nothing refused is ever in force, and in the end the latest good edition is", arguments: 0..<24)
    func histories(seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let bench = try ManagerBench()
        let manager = bench.manager([bench.item(validate: ManagerBench.picky)]) { $0.verifyInterval = .milliseconds(3) }
        let seen = Calls()
        var version: Int64 = 1
        try await withConfigManager(manager) { manager in
            manager.observe { update in seen.add(update.current?.content.text ?? "") }
            for _ in 0..<60 {
                let event = Event.allCases.randomElement(using: &generator) ?? .good
                await self.happen(event, to: bench, manager, &version)
                seen.add(manager.text(bench.main) ?? "")
                for _ in 0..<Int.random(in: 0...20, using: &generator) { await Task.yield() }
            }
            bench.backend.setAway(false)
            bench.backend.put("the end", version: version + 100, at: bench.main)
            try await eventually { manager.text(bench.main) == "the end" }
            try await eventually {
                let status = manager.status(of: bench.main)
                return status?.freshness == .live && status?.quarantine == nil && status?.stored != .absent
            }
            try await eventually { seen.all.last == "the end" }
        }
        #expect(!seen.all.contains("bad") && !seen.all.contains("skip") && !seen.all.contains(""))
        #expect(manager.history(of: bench.main).allSatisfy { !["bad", "skip"].contains($0.content.text) })
        // Whoever stores something has judged it first.
        #expect(bench.backend.writes.allSatisfy { !["bad", "skip"].contains($0.draft.content.text) })
    }

    private func happen(
        _ event: Event,
        to bench: ManagerBench,
        _ manager: ConfigManager,
        _ version: inout Int64
    ) async {
        version += 1
        switch event {
        case .good: bench.backend.put("good \(version)", version: version, at: bench.main)
        case .bad: bench.backend.put("bad", version: version, at: bench.main)
        case .skipped: bench.backend.put("skip", version: version, at: bench.main)
        case .older: bench.backend.put("older \(version)", version: max(version / 2, 1), at: bench.main)
        case .cleared: bench.backend.clear(bench.main)
        case .rubbish: bench.backend.tell(.undecodable("rubbish"), of: bench.main)
        case .away: bench.backend.setAway(true, breakingWatches: version.isMultiple(of: 2))
        case .back: bench.backend.setAway(false)
        case .refreshed: manager.refresh(bench.item(nil, "own \(version)", version: version))
        case .refreshedBadly: manager.refresh(bench.item(nil, "bad", version: version))
        case .synced: _ = try? await manager.sync()
        case .rolledBack:
            guard let oldest = manager.history(of: bench.main).last else { return }
            if let stored = try? await manager.rollBack(bench.main, to: oldest.version) {
                version = max(version, stored)
            }
        }
    }
}
