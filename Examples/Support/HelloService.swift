public import Rollcall
public import RollcallService
import Synchronization

/// A service that greets, and counts whom.
public final class HelloService: Sendable {
    private let greeted = Counter()
    /// What runs it, from listening to leaving.
    public let runner: ServiceRunner

    /// Creates a service.
    ///
    /// - Parameters:
    ///   - service: The name to register under.
    ///   - id: The identity of this instance.
    ///   - client: Where to register. Whoever owns it runs it.
    ///   - host: The address to listen on.
    ///   - port: The port; 0 for one that is free.
    public init(_ service: ServiceName, id: InstanceID, client: RollcallClient, host: String, port: Int) {
        let greeted = self.greeted
        let server = LineServer(host: host, port: port) { name in
            greeted.increment()
            return "hello \(name), this is \(id)"
        }
        self.runner = ServiceRunner(
            service: service,
            client: client,
            configuration: ServiceRunnerConfiguration(id: id, version: SemanticVersion(1), tags: ["example"]),
            server: server
        )
    }

    /// How many callers it greeted.
    public var count: Int { self.greeted.value }
}

/// A number that rises.
private final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { self.number.load(ordering: .relaxed) }

    func increment() { self.number.wrappingAdd(1, ordering: .relaxed) }
}
