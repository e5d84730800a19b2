import Rollcall
import Synchronization
import Testing

@Suite("NoInstanceError", .timeLimit(.minutes(1)))
struct NoInstanceErrorTests {
    private static let web = "web"

    private static func instance(_ id: String, _ change: InstanceChange = InstanceChange()) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(Self.web),
            id: InstanceID(id),
            endpoints: [Endpoint("http://127.0.0.1:80")],
            zone: "north"
        )
        .applying(change)
    }

    /// What a choice fails with after these were registered.
    private static func failure(
        _ instances: [ServiceInstance],
        _ filter: FilterChoice = .configured,
        _ choose: @escaping @Sendable (Discovery, ServiceName) async throws -> Void
    ) async throws -> BackendError {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let service = try ServiceName(Self.web)
        for instance in instances { _ = try await backend.register(instance, ttl: .seconds(60)) }
        let box = ErrorBox()
        try await withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: service)
            let error = await #expect(throws: BackendError.self) { try await choose(discovery, service) }
            box.set(error)
        }
        return try #require(box.error)
    }

    @Test("each instance's own reason is there, in the text and as values")
    func reasons() async throws {
        let instances = try [
            Self.instance("a", InstanceChange(status: .critical)), Self.instance("b", InstanceChange(weight: 0)),
            Self.instance("c", InstanceChange(status: .maintenance)),
        ]
        let error = try await Self.failure(instances) { _ = try $0.pick($1) }
        #expect(error.code == .notFound)
        #expect(error.message == "of 3 registered none may be chosen: 1 passing, 1 critical, 1 maintenance")
        let reason = try #require(error.cause as? NoInstanceError)
        #expect(reason.service.text == Self.web)
        #expect(reason.registryError == nil)
        #expect(reason.report.entries.map(\.instance.id.text) == ["a", "b", "c"])
        #expect(reason.report.entries.allSatisfy { !$0.isIn && !$0.remarks.isEmpty })
        for text in ["a: ", "critical", "b: ", "weight", "c: ", "maintenance"] {
            #expect(error.description.contains(text), "\(error)")
        }
    }

    @Test("the filter of the call is what speaks against them, in every form of choosing")
    func callFilter() async throws {
        let south = FilterChoice.also(.zone("south"))
        let forms: [@Sendable (Discovery, ServiceName) async throws -> Void] = [
            { _ = try $0.pick($1, where: south) },
            { _ = try $0.beginCall(to: $1, where: south) },
            { _ = try await $0.instance(of: $1, where: south, within: .milliseconds(20)) },
            { try await $0.withInstance(of: $1, where: south, within: .milliseconds(20)) { _ in } },
        ]
        for form in forms {
            let error = try await Self.failure([try Self.instance("a")], south, form)
            let reason = try #require(error.cause as? NoInstanceError)
            let remark = try #require(reason.report.entries.first?.remarks.first)
            #expect(remark.text.contains("south"))
        }
    }

    @Test("of many the text goes into ten, the report into all")
    func many() async throws {
        let instances = try (0..<40).map { try Self.instance("i-\($0)", InstanceChange(status: .critical)) }
        let error = try await Self.failure(instances) { _ = try $0.pick($1) }
        let reason = try #require(error.cause as? NoInstanceError)
        #expect(reason.report.entries.count == 40)
        #expect(reason.description.hasSuffix("and 30 more"))
        #expect(reason.description.utf8.count < 1000)
    }

    @Test("what is wrong with the registry is told, too")
    func registry() async throws {
        let registry = MemoryRegistry()
        let discovery = Discovery(backend: MemoryBackend(registry: registry))
        let service = try ServiceName(Self.web)
        registry.setReachable(false)
        try await withDiscovery(discovery) {
            let error = #expect(throws: BackendError.self) { try discovery.pick(service) }
            let reason = try #require(error?.cause as? NoInstanceError)
            #expect(reason.report.entries.isEmpty)
            #expect(error?.message == "nothing is known of the service yet")
        }
    }
}

/// Carries an error out of a closure.
private final class ErrorBox: Sendable {
    private let value = Mutex<BackendError?>(nil)

    var error: BackendError? { self.value.withLock { $0 } }

    func set(_ error: BackendError?) { self.value.withLock { $0 = error } }
}
