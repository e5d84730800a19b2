import Testing

/// Waits until `condition` holds, and records an issue when it does not within twenty seconds.
func eventually(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: .seconds(20))
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record("the condition did not come to hold in time", sourceLocation: sourceLocation)
            return
        }
        try await clock.sleep(for: .milliseconds(2))
    }
}
