/// Runs `body` even though the calling task was cancelled, for at most `deadline`.
///
/// Revoking a lease or closing a server-side watch needs the network after the caller was cancelled. This is the one
/// place with an unstructured task, awaited right here; it makes way for the language's own shield when that ships.
///
/// - Parameters:
///   - deadline: How long `body` may take; after that it is cancelled.
///   - clock: What measures the deadline.
///   - body: What must not be cut short by the caller's cancellation.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws, or `timeout`.
package func withoutCancellation<Value: Sendable>(
    deadline: Duration = .seconds(5),
    clock: TimeSource,
    _ body: @escaping @Sendable () async throws(BackendError) -> Value
) async throws(BackendError) -> Value {
    let task = Task<Result<Value, BackendError>, Never> {
        do throws(BackendError) {
            return .success(try await withDeadline(deadline, clock: clock, body))
        } catch {
            return .failure(error)
        }
    }
    return try await task.value.get()
}
