public import Rollcall
import RollcallHTTP
public import RollcallService
import Synchronization

/// A service that greets over HTTP, and counts whom.
public final class HelloService: Sendable {
    private let greeted = Counter()
    /// What runs it, from listening to leaving.
    public let runner: ServiceRunner

    /// Creates a service that answers `GET /hello?name=…`, and says at `GET /check` that it is there.
    ///
    /// - Parameters:
    ///   - service: The name to register under.
    ///   - id: The identity of this instance.
    ///   - client: Where to register. Whoever owns it runs it.
    ///   - host: The address to listen on.
    ///   - port: The port; 0 for one that is free.
    public init(_ service: ServiceName, id: InstanceID, client: RollcallClient, host: String, port: Int) {
        let greeted = self.greeted
        self.runner = ServiceRunner(
            service: service,
            client: client,
            configuration: ServiceRunnerConfiguration(id: id, version: SemanticVersion(1), tags: ["example"]),
            host: host,
            port: port
        ) { request in
            switch request.path {
            case "/check": return ServiceResponse(text: "ok\n")
            case "/hello":
                let name = try request.parameter("name") ?? "world"
                greeted.increment()
                return ServiceResponse(text: "hello \(name), this is \(id)\n")
            default: return ServiceResponse(text: "there is /hello and /check\n", status: 404)
            }
        }
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
