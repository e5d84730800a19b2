import HTTPEngine
import Rollcall
import Synchronization

/// The hubs that a client may ask, which stand side by side in front of one engine, and the one that answers now.
final class HubOrigins: Sendable {
    /// The usual port of a hub.
    static let usualPort = 20000

    let all: [Origin]
    private let place = Atomic(0)

    /// Reads `hub://127.0.0.1:20000`, or the same with `http`; several hubs stand with commas between them.
    ///
    /// - Parameter url: The URL.
    /// - Throws: `invalidArgument` for what names no hub.
    init(url: String) throws(BackendError) {
        guard let scheme = ["hub://", "http://"].first(where: { url.hasPrefix($0) }) else { throw Self.fault(url) }
        var rest = url.dropFirst(scheme.count)
        if rest.last == "/" { rest = rest.dropLast() }
        var origins: [Origin] = []
        for address in rest.split(separator: ",", omittingEmptySubsequences: false) {
            guard let origin = Self.origin(address) else { throw Self.fault(url) }
            origins.append(origin)
        }
        self.all = origins
    }

    /// The hub that answered last.
    var current: Origin { self.all[self.place.load(ordering: .relaxed)] }

    /// Goes on to the next hub, unless somebody else did since `failed` was the one to ask.
    func leave(_ failed: Origin) {
        let place = self.place.load(ordering: .relaxed)
        guard self.all.count > 1, self.all[place] == failed else { return }
        let next = (place + 1) % self.all.count
        _ = self.place.compareExchange(expected: place, desired: next, ordering: .relaxed)
    }

    private static func origin(_ address: Substring) -> Origin? {
        let hasPort = address.last != "]" && address.split(separator: "]").last?.contains(":") == true
        let text = "http://" + address + (hasPort ? "" : ":\(Self.usualPort)")
        guard let endpoint = try? Endpoint(text), endpoint.path.isEmpty else { return nil }
        return Origin(host: endpoint.host, port: endpoint.port)
    }

    private static func fault(_ url: String) -> BackendError {
        BackendError(
            .invalidArgument,
            "\(url.withoutCredentials.quotedForDisplay) is not the URL of a hub such as hub://127.0.0.1:20000",
            backend: HubBackend.name
        )
    }
}
