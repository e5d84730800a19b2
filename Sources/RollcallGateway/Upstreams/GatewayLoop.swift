import HTTPEngine
import Rollcall
import Synchronization

/// What the gateway keeps for one event loop, so that requests of different loops share nothing that they write.
final class GatewayLoop: Sendable {
    /// The loop.
    let loop: EventLoop
    /// Its figures.
    let counters = LoopCounters()
    private let services = Mutex<[ServiceText: LoopService]>([:])

    /// Creates a loop that knows no services.
    init(_ loop: EventLoop) {
        self.loop = loop
    }

    /// A service that was asked for on this loop before.
    func service(named text: ServiceText) -> LoopService? {
        self.services.withLock { $0[text] }
    }

    /// Takes note of a service.
    func adopt(_ service: KnownService) -> LoopService {
        let text = ServiceText(text: service.name.text)
        return self.services.withLock { services in
            if let present = services[text] { return present }
            let adopted = LoopService(service, on: self.loop)
            services[text] = adopted
            return adopted
        }
    }

    /// All services that were asked for on this loop.
    var all: [LoopService] { self.services.withLock { Array($0.values) } }
}
