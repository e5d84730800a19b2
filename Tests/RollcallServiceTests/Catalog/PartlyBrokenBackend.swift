import Rollcall
import RollcallTesting

/// A backend that cannot read one service.
struct PartlyBrokenBackend: ForwardingBackend {
    let broken: String
    let base: any RegistryBackend = MemoryBackend()

    init(broken: String) {
        self.broken = broken
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        guard service.text != self.broken else { throw BackendError(.unavailable, "no luck") }
        return try await self.base.instances(of: service)
    }
}
