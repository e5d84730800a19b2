/// Waits until a condition holds.
///
/// - Parameters:
///   - limit: For how long, on a machine that is busy with other tests.
///   - file: Where somebody waits.
///   - line: The line there.
///   - condition: Asked every few milliseconds.
/// - Throws: What `condition` throws, and an error that says where when it does not come to hold in time.
package func eventually(
    within limit: Duration = .seconds(20),
    file: String = #fileID,
    line: Int = #line,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    while try await !condition() {
        guard clock.now < deadline else { throw ConditionFailure(place: "\(file):\(line)") }
        try await clock.sleep(for: .milliseconds(2))
    }
}

private struct ConditionFailure: Error, CustomStringConvertible {
    let place: String

    var description: String { "\(self.place): the condition did not come to hold in time" }
}
