import Rollcall
import RollcallTesting

/// One in-memory registry that all clients of a line share.
struct MemoryHarness: RegistryHarness {
    let name = "memory"
    let shortTTL = Duration.milliseconds(400)
    let watchCycles = 10_000
    private let registry = MemoryRegistry()

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        MemoryBackend(registry: self.registry, namespace: namespace)
    }

    func setReachable(_ isReachable: Bool) async throws {
        self.registry.setReachable(isReachable)
    }

    func wipe() async throws {
        self.registry.wipe()
    }

    func serverSideWatches() async throws -> Int? {
        self.registry.watchCount
    }
}

extension MemoryHarness: ConfigHarness, LockHarness {
    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend {
        MemoryBackend(registry: self.registry, namespace: namespace)
    }

    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend {
        MemoryBackend(registry: self.registry, namespace: namespace)
    }
}
