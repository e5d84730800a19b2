/// Runs both, and cancels the other when one has ended; returns when both have.
///
/// - Parameters:
///   - first: One of them.
///   - second: The other.
package func race(
    _ first: @escaping @Sendable () async -> Void,
    _ second: @escaping @Sendable () async -> Void
) async {
    await withTaskGroup(of: Void.self) { group in
        group.addTask { await first() }
        group.addTask { await second() }
        await group.next()
        group.cancelAll()
    }
}
