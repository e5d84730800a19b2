import HTTPEngine
import Rollcall
import RollcallProbes
import Synchronization

/// Checks instances that ask for it, and shows those as critical that fail.
final class HubChecks: Sendable {
    /// How long changes of a service gather before they are looked at.
    private static let pause = Duration.milliseconds(100)
    /// How long to wait after the registry could not take a verdict.
    private static let retry = Duration.seconds(1)

    let board: Mutex<CheckBoard>
    let clock: TimeSource
    let configuration: CheckConfiguration
    private let store: HubStore
    private let prober: Prober
    private let log: Log
    private let changes = KeyedMailbox<RegistryTable.Place, RegistryTable.Place>()
    private let news = KeyedMailbox<Bool, Void>()

    /// Creates checks, which do nothing before ``run()``, and takes over the instances that were there before.
    ///
    /// - Throws: `invalidArgument` for a configuration that makes no sense.
    init(store: HubStore, configuration: CheckConfiguration, clock: TimeSource, log: Log) throws(BackendError) {
        self.store = store
        self.configuration = configuration
        self.clock = clock
        self.log = log.component("checks")
        self.board = Mutex(CheckBoard(rules: configuration.damping, interval: configuration.interval))
        do throws(ValidationError) {
            try configuration.check()
            self.prober = try Prober(configuration: configuration.probes(clock: clock, log: log))
        } catch {
            throw BackendError(error.within("checks"))
        }
        store.feed.addListener { [weak self] change, table in
            guard let self, self.concerns(change, table) else { return }
            self.changes.offer(change.place, for: change.place)
        }
        for place in store.places { self.changes.offer(place, for: place) }
    }

    /// Checks until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.probe() }
            group.addTask { await self.follow() }
            group.addTask { await self.decide() }
        }
    }

    /// Refuses an instance that asks for what cannot be.
    ///
    /// - Throws: A ``ValidationError`` for a check that there is not; `permissionDenied` for an address that may not be
    ///   called.
    func admit(_ instance: ServiceInstance) throws {
        let key = ProbeConfiguration.Kind.metadataKey
        guard let text = instance.metadata[key] else { return }
        let kind: ProbeConfiguration.Kind
        do throws(ValidationError) {
            kind = try ProbeConfiguration.Kind(text: text)
        } catch {
            throw ValidationError(field: "metadata.\(key)", message: error.message)
        }
        guard kind != .none else { return }
        for (index, endpoint) in instance.endpoints.enumerated() {
            guard let address = SocketAddress(host: endpoint.host, port: endpoint.port),
                !self.configuration.rules.permits(address)
            else { continue }
            throw BackendError(
                .permissionDenied,
                "endpoints[\(index)]: calls to \(address) are not allowed here, so that it cannot be checked"
            )
        }
    }

    /// Runs under the registry's lock.
    private func concerns(_ change: RegistryTable.Change, _ table: RegistryTable) -> Bool {
        if self.configuration.kind != .none || self.board.withLock({ $0.knows(change.place) }) { return true }
        return change.upserted.contains { id in
            table.record(id, at: change.place)?.visible.metadata[ProbeConfiguration.Kind.metadataKey] != nil
        }
    }

    private func isChecked(_ record: RegistryTable.Record) -> Bool {
        guard !record.own.speaksTutorial else { return false }
        let wish = record.visible.metadata[ProbeConfiguration.Kind.metadataKey]
        return (wish.flatMap { try? ProbeConfiguration.Kind(text: $0) } ?? self.configuration.kind) != .none
    }
}

extension HubChecks {
    private func probe() async {
        do throws(BackendError) {
            try await self.prober.run { report in
                self.board.withLock { $0.note(report, at: self.clock.now) }
                self.news.offer((), for: true)
            }
        } catch {
            self.log(.error, "instances are not checked: \(error)")
        }
    }

    private func follow() async {
        while let place = try? await self.changes.next() {
            let records = self.store.records(at: place)
            self.takeOver(records.filter(self.isChecked), at: place)
            let others = records.filter { $0.failsChecks && !self.isChecked($0) }
            if !others.isEmpty { self.letIn(others, at: place) }
            guard (try? await self.clock.sleep(for: Self.pause)) != nil else { return }
        }
    }

    private func takeOver(_ records: [RegistryTable.Record], at place: RegistryTable.Place) {
        let replaced = self.board.withLock { $0.sync(records, at: place, now: self.clock.now) }
        let instances = records.map(\.visible)
        // What was found out about another process at the same address is forgotten.
        if !replaced.isEmpty { self.prober.track(instances.filter { !replaced.contains($0.id) }, of: place) }
        self.prober.track(instances, of: place)
    }

    /// Shows those as they say they are who are not checked any more.
    private func letIn(_ records: [RegistryTable.Record], at place: RegistryTable.Place) {
        let results = records.map {
            RegistryTable.CheckResult(id: $0.own.id, registeredAt: $0.own.registeredAt, fails: false)
        }
        do throws(BackendError) {
            try self.store.note(results, at: place)
        } catch {
            self.changes.offer(place, for: place)
        }
    }

    private func decide() async {
        while !Task.isCancelled {
            let (results, next) = self.board.withLock { $0.decide(at: self.clock.now) }
            var isDone = true
            for (place, decided) in results where !self.carryOut(decided, at: place) { isDone = false }
            let retry = isDone ? nil : self.clock.now.advanced(by: Self.retry)
            let wakeUp = [next, retry].compactMap(\.self).min()
            await race {
                if let wakeUp {
                    try? await self.clock.sleep(until: wakeUp, tolerance: nil)
                } else {
                    await Signal().wait()
                }
            } _: {
                _ = try? await self.news.next()
            }
        }
    }

    private func carryOut(_ results: [RegistryTable.CheckResult], at place: RegistryTable.Place) -> Bool {
        do throws(BackendError) {
            try self.store.note(results, at: place)
        } catch {
            // The store says so in the log.
            return false
        }
        let entries = self.board.withLock { board in
            board.apply(results, at: place)
            return board.entries(at: place)
        }
        for result in results {
            let name = "\(place.service)/\(result.id)"
            if result.fails {
                self.log(.warning, "\(name) fails and is shown as critical: \(entries[result.id]?.message ?? "")")
            } else {
                self.log(.info, "\(name) passes again")
            }
        }
        return true
    }
}
