@testable import Rollcall

/// Choices in both, and whether the real one is one that the model would make.
extension SelectionTrial {
    func pick(_ choice: PlainChoice, key: Int?) throws -> String? {
        let (pool, accepted, isAnew) = self.model.candidates(choice)
        let text = key.map { "key-\($0)" }
        let picked: ServiceInstance
        do throws(BackendError) {
            picked =
                choice == .configured
                ? try self.discovery.pick(self.service, key: text)
                : try self.discovery.pick(self.service, key: text, where: choice.choice)
        } catch {
            return self.difference(of: error, accepted, choice)
        }
        if let text = try self.check(picked, pool, accepted, choice, isAnew: isAnew, forCall: false) { return text }
        return key.flatMap { self.checkOwner(of: $0, picked, choice, pool) }
    }

    func pickByPicker() throws -> String? {
        let pool = self.model.configuredPool
        guard let picked = self.pickWithPicker() else {
            return pool.isEmpty ? nil : "the picker found nobody, of \(pool)"
        }
        let allowed = self.model.allowed(pool, forCall: false)
        var turn = self.model.pickerTurn
        let expected = self.model.walk(&turn, pool) {
            self.model.isOpen($0)
        } isUnsure: {
            self.isRamped($0)
        }
        defer { self.model.pickerTurn = turn }
        guard let plain = try self.plain(picked, of: allowed) else {
            return "the picker chose \(picked.id), not one of \(allowed)"
        }
        self.model.learn(&turn, from: plain, of: pool)
        guard let expected, expected != plain else { return nil }
        return "the picker chose \(plain) when it was the turn of \(expected)"
    }

    func pickAnother(than tried: [Int]) throws -> String? {
        let pool = self.model.configuredPool
        let ids = Set(tried.map { Plain.ids[$0] })
        let accepted = pool.filter { !tried.contains($0.id) }
        let picked = self.discovery.pickAnother(self.service, than: ids)
        // Whoever has tried nobody makes it the next one's turn.
        if tried.isEmpty { self.model.turn = PlainTurn(next: nil) }
        guard let picked else { return accepted.isEmpty ? nil : "no other was found, of \(accepted)" }
        let allowed = self.model.allowed(accepted, forCall: false)
        return try self.plain(picked, of: allowed) == nil ? "the other is \(picked.id), not one of \(allowed)" : nil
    }

    /// Begins a call in both.
    func begin(_ choice: PlainChoice) throws -> (difference: String?, call: OpenCall?) {
        let (pool, accepted, isAnew) = self.model.candidates(choice)
        let before = self.outliers
        let real: InstanceCall
        do throws(BackendError) {
            real = try self.discovery.beginCall(to: self.service, where: choice.choice)
        } catch {
            return (self.difference(of: error, accepted, choice), nil)
        }
        let chosen = real.instance
        if let text = try self.check(chosen, pool, accepted, choice, isAnew: isAnew, forCall: true) {
            return (text, nil)
        }
        let (difference, call) = try self.noteBegin(of: chosen, before)
        guard let call else { return (difference, nil) }
        return (difference, OpenCall(real, call))
    }

    /// Tries a call at several instances in both.
    func failOver(_ choice: PlainChoice, attempts: Int, failures: Int) async throws -> String? {
        let (pool, accepted, isAnew) = self.model.candidates(choice)
        guard !accepted.isEmpty else { return nil }
        var (tried, differences): ([Plain], [String]) = ([], [])
        var before = self.outliers
        let hasWorked: Void? = try? await self.discovery.withInstance(
            of: self.service,
            where: choice.choice,
            attempts: attempts,
            within: .zero,
            retryingIf: { _ in true }
        ) { instance in
            let difference =
                tried.isEmpty
                ? try self.check(instance, pool, accepted, choice, isAnew: isAnew, forCall: true)
                : try self.checkOther(instance, than: tried, choice)
            if let difference { differences.append(difference) }
            let (other, call) = try self.noteBegin(of: instance, before)
            if let other { differences.append(other) }
            guard let call else { return }
            tried.append(call.plain)
            let isFailure = tried.count <= failures
            self.model.end(call, isFailure ? .failure : .success)
            before = self.outliers
            if isFailure { throw Failure() }
        }
        if let first = differences.first { return first }
        if hasWorked != nil { return nil }
        self.note("fail-over", if: tried.count > 1)
        let rest = self.others(than: tried, choice)
        return tried.count == attempts || rest.isEmpty ? nil : "after \(tried) nobody else was tried, of \(rest)"
    }

    private func checkOther(_ instance: ServiceInstance, than tried: [Plain], _ choice: PlainChoice) throws -> String? {
        let allowed = self.model.allowed(self.others(than: tried, choice), forCall: true)
        // A policy without turns chooses anew, which is nobody's turn either.
        return try self.plain(instance, of: allowed) == nil ? "\(instance.id) after \(tried), not of \(allowed)" : nil
    }

    private func others(than tried: [Plain], _ choice: PlainChoice) -> [Plain] {
        let (_, accepted, isAnew) = self.model.candidates(choice)
        // With what was tried left out, nothing is made better than nothing.
        if case .also = choice, isAnew { return [] }
        return accepted.filter { plain in !tried.contains { $0.id == plain.id } }
    }

    /// Whether the model would choose so, and whose turn it is then.
    private func check(
        _ chosen: ServiceInstance,
        _ pool: [Plain],
        _ accepted: [Plain],
        _ choice: PlainChoice,
        isAnew: Bool,
        forCall: Bool
    ) throws -> String? {
        var allowed = self.model.allowed(accepted, forCall: forCall)
        if self.model.isPlain(choice) { allowed = self.model.allowed(byPolicy: allowed) }
        var turn = isAnew ? PlainTurn() : self.model.turn
        let expected = self.model.walk(&turn, pool) { plain in
            guard accepted.contains(plain) else { return false }
            return self.model.isOpen(plain)
                || forCall && self.model.known[plain.id]?.isOnTrial == true
                    && self.model.known[plain.id]?.trialCall == nil
        } isUnsure: {
            accepted.contains($0) && self.isRamped($0)
        }
        defer { if !isAnew { self.model.turn = turn } }
        // A filter of a call may have gone round in vain first.
        if isAnew, case .also = choice { self.model.turn = PlainTurn(next: nil) }
        guard let plain = try self.plain(chosen, of: allowed) else {
            return "\(chosen.id) was chosen, not one of \(allowed) of \(pool)"
        }
        self.model.learn(&turn, from: plain, of: pool)
        self.note("turn", if: expected != nil && pool.count > 1)
        guard let expected, expected != plain else { return nil }
        return "\(plain) was chosen when it was the turn of \(expected)"
    }

    private func checkOwner(of key: Int, _ picked: ServiceInstance, _ choice: PlainChoice, _ pool: [Plain]) -> String? {
        guard self.model.setup.policy == .consistentHash, self.model.isPlain(choice),
            pool.allSatisfy({ self.model.known[$0.id]?.outstanding ?? 0 < 2 }),
            let plain = pool.first(where: { Plain.ids[$0.id] == picked.id })
        else { return nil }
        defer { self.setOwner(of: key, in: pool, plain) }
        guard let owner = self.owner(of: key, in: pool), owner != plain else { return nil }
        return "the key \(key) went to \(plain), and to \(owner) before"
    }

    private func difference(of error: BackendError, _ accepted: [Plain], _ choice: PlainChoice) -> String? {
        self.note("nobody")
        // Who goes round in vain takes turns.
        if case .also = choice { self.model.turn = PlainTurn(next: nil) }
        guard accepted.isEmpty else { return "\(error), though there are \(accepted)" }
        guard let reason = error.cause as? NoInstanceError else { return "\(error) does not say why" }
        if let entry = reason.report.entries.first(where: { $0.isIn || $0.remarks.isEmpty }) {
            return "\(error) does not say why \(entry.instance.id) was out"
        }
        let isRight = error.code == .notFound && error.operation == "pick" && error.key == Plain.service
        return isRight && reason.registryError?.code == self.model.lastError ? nil : "the error is \(error)"
    }

    private func isRamped(_ plain: Plain) -> Bool { self.model.known[plain.id]?.ramp != nil }

    private func plain(_ instance: ServiceInstance, of plains: [Plain]) throws -> Plain? {
        try plains.first { try $0.instance == instance }
    }

    /// What calls told of each, so that it shows who has the call of a trial.
    private var outliers: [InstanceID: OutlierMachine] {
        (self.view.inputs?.statistics ?? [:]).mapValues(\.outliers)
    }

    private func noteBegin(
        of chosen: ServiceInstance,
        _ before: [InstanceID: OutlierMachine]
    ) throws -> (difference: String?, call: SelectionModel.Call?) {
        guard let plain = self.model.visible?.first(where: { Plain.ids[$0.id] == chosen.id }) else {
            return ("\(chosen.id) is not there", nil)
        }
        let isTrial = self.outliers[chosen.id] != before[chosen.id]
        let known = self.model.known[plain.id]
        self.note("trial", if: isTrial)
        if isTrial, known?.isOnTrial != true || known?.trialCall != nil {
            return ("\(plain) is on trial by one call more than there may be", nil)
        }
        return (nil, self.model.beginCall(to: plain, isTrial: isTrial))
    }
}
