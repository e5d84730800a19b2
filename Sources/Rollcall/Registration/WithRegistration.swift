/// Registers an instance for as long as `body` runs, and takes it out when `body` ends, however it ends.
///
/// - Parameters:
///   - instance: What to register. The server must listen already.
///   - backend: Where; it must run for as long.
///   - configuration: How.
///   - body: Runs while the instance is registered. It begins after the first registration, and is not cancelled
///     when the registration is lost, because it comes back.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws; why the backend refuses the instance for good; `cancelled`.
public func withRegistration<Value>(
    of instance: ServiceInstance,
    in backend: any RegistryBackend,
    configuration: RegistrarConfiguration = RegistrarConfiguration(),
    _ body: (Registrar) async throws -> Value
) async throws -> Value {
    let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
    return try await withThrowingTaskGroup(of: (any Error)?.self, returning: Value.self) { group in
        group.addTask {
            do {
                try await registrar.run()
                return nil
            } catch {
                return error
            }
        }
        do {
            try await registrar.waitUntilRegistered()
        } catch {
            group.cancelAll()
            let reason = try await group.next() ?? nil
            throw reason ?? error
        }
        do {
            let value = try await body(registrar)
            registrar.beginShutdown()
            try await group.waitForAll()
            return value
        } catch {
            registrar.beginShutdown()
            try await group.waitForAll()
            throw error
        }
    }
}
