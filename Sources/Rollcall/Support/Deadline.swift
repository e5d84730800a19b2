/// Runs `body` for at most `limit`, and cancels it then.
///
/// - Parameters:
///   - limit: How long it may take.
///   - clock: What measures it.
///   - body: What to run. It must heed cancellation, as this returns only once it has ended.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws; `timeout` when the time ran out first; `cancelled` when the caller was cancelled.
package func withDeadline<Value: Sendable>(
    _ limit: Duration,
    clock: TimeSource,
    _ body: @escaping @Sendable () async throws(BackendError) -> Value
) async throws(BackendError) -> Value {
    let outcome = await withTaskGroup(of: Result<Value, BackendError>?.self) { group in
        group.addTask {
            do throws(BackendError) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        group.addTask {
            try? await clock.sleep(for: limit)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        if first != nil { return first }
        // The body may have finished in the very moment in which the time ran out: then its result counts.
        if case .success(let value) = await group.next() ?? nil { return .success(value) }
        return nil
    }
    if let outcome { return try outcome.get() }
    if Task.isCancelled { throw BackendError(.cancelled, "the task was cancelled", applied: .unknown) }
    throw BackendError(.timeout, "nothing came within \(limit)", applied: .unknown)
}
