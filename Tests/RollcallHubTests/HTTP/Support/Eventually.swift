import Testing

/// Waits until a condition holds; a test fails when it does not come to hold in time.
func eventually(
    within limit: Duration = .seconds(20),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record("the condition did not come to hold in time", sourceLocation: sourceLocation)
            return
        }
        try await clock.sleep(for: .milliseconds(2))
    }
}
