import Rollcall

/// The services that a service needs.
struct Requirements: Sendable {
    let names: [ServiceName]
    let discovery: Discovery
    let log: Log

    /// Returns once each has an instance that may be called.
    ///
    /// - Parameter limit: How long that may take.
    /// - Throws: `notFound`, which names those that are missing; `notRunning`, `cancelled`.
    func wait(upTo limit: Duration) async throws(BackendError) {
        let failures = await withTaskGroup(of: (ServiceName, BackendError)?.self) { group in
            for name in self.names {
                group.addTask {
                    do throws(BackendError) {
                        _ = try await self.discovery.instance(of: name, within: limit)
                        return nil
                    } catch {
                        return (name, error)
                    }
                }
            }
            var failures: [(name: ServiceName, error: BackendError)] = []
            for await case let (name, error)? in group { failures.append((name, error)) }
            return failures
        }
        guard let first = failures.first?.error else { return }
        guard !Task.isCancelled, first.code != .notRunning else { throw first }
        let missing = failures.map(\.name.text).sorted().joined(separator: ", ")
        throw BackendError(
            .notFound,
            "required services without an instance that may be called, after \(limit.text): \(missing)",
            cause: first
        )
    }

    /// Says when one is missing, and when it is there again, until the task is cancelled.
    func watch() async {
        await withDiscardingTaskGroup { group in
            for name in self.names {
                group.addTask { await self.watch(name) }
            }
        }
    }

    private func watch(_ name: ServiceName) async {
        var isThere = true
        try? await self.discovery.withUpdates(of: name) { updates in
            for try await _ in updates {
                // The table changes before its observers are told.
                let isThereNow = (try? self.discovery.pick(name)) != nil
                if isThere, !isThereNow { self.log(.warning, "the required service \(name) has no instance to call") }
                if !isThere, isThereNow { self.log(.info, "the required service \(name) is there") }
                isThere = isThereNow
            }
        }
    }
}
