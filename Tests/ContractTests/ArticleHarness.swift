import Rollcall
import RollcallTesting
import Testing

// What the article "Implementing a backend" shows, which is run like every other backend.

struct MyHarness: RegistryHarness {
    let name = "mine"
    let shortTTL = Duration.milliseconds(400)
    let watchCycles = 100
    private let server = MemoryRegistry()

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        MemoryBackend(registry: self.server, namespace: namespace)
    }

    func setReachable(_ isReachable: Bool) async throws {
        self.server.setReachable(isReachable)
    }

    func wipe() async throws {
        self.server.wipe()
    }

    func serverSideWatches() async throws -> Int? {
        nil
    }
}

extension RegistryContractTests {
    @Suite(.serialized)
    struct MyContractTests {
        @Test(arguments: RegistryContract.lines)
        func contract(_ line: RegistryContract.Line) async throws {
            try await line.run(on: MyHarness())
        }
    }
}
