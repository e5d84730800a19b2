import HTTPEngine
import Rollcall

/// Choosing an instance.
extension ProxiedRequest {
    /// Chooses an instance that was not tried yet.
    ///
    /// - Throws: A ``Problem`` with status 503 when there is none.
    func choose(of service: LoopService, tried: [InstanceID]) async throws(Problem) -> Lane {
        let name = service.service.name
        if tried.isEmpty, let instance = try? self.proxy.discovery.pick(name, key: self.key),
            let lane = service.lane(to: instance), !lane.upstream.isEjected(at: self.began)
        {
            return lane
        }
        if let lane = self.choose(otherThan: tried, of: service) { return lane }
        if self.proxy.discovery.currentSnapshot(of: name) == nil {
            // The first request for it: its watch begins now.
            _ = try? await self.proxy.discovery.snapshot(of: name, within: self.proxy.configuration.lookupTimeout)
            if let lane = self.choose(otherThan: tried, of: service) { return lane }
        }
        throw Problem(status: 503, code: .unavailable, "no instance of \(name.text.quotedForDisplay) can be chosen now")
    }

    /// Chooses an instance that was not tried yet, and of those one that is not left out if possible.
    func choose(otherThan tried: [InstanceID], of service: LoopService) -> Lane? {
        let name = service.service.name
        let candidates = self.proxy.discovery.candidates(of: name).map { ($0.id, service.lane(to: $0)?.upstream) }
        let usable = candidates.compactMap(\.1)
        let unusable = candidates.filter { $0.1 == nil }.map(\.0)
        // At most half of them, lest the rest be overrun because of a fault that is not theirs.
        let ejected = usable.filter { $0.isEjected(at: self.began) }.prefix(usable.count / 2).map(\.id)
        let excluded = Set(tried + unusable)
        let discovery = self.proxy.discovery
        let instance =
            discovery.pickAnother(name, key: self.key, than: excluded.union(ejected))
            ?? discovery.pickAnother(name, key: self.key, than: excluded)
        return instance.flatMap(service.lane(to:))
    }

    private var key: String? {
        switch self.proxy.configuration.balancingKey {
        case .none: return nil
        case .clientAddress: return String(decoding: self.exchange.connection.peerHost, as: UTF8.self)
        case .field(let name): return self.exchange.head.fields.first(named: name)
        }
    }
}
