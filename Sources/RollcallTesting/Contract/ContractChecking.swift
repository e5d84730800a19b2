import Rollcall

/// What checks of the contract have in common.
protocol ContractChecking: Sendable {
    /// The line that is checked.
    var line: String { get }
}

extension ContractChecking {
    /// How long to wait for something that should happen at once, on a machine that is busy with other tests.
    var patience: Duration { .seconds(20) }

    /// Fails the line unless `condition` holds.
    func require(
        _ condition: Bool,
        _ message: @autoclosure () -> String,
        location: String = #fileID,
        number: Int = #line
    ) throws {
        guard condition else {
            throw ContractViolation(line: self.line, message: message(), location: "\(location):\(number)")
        }
    }

    /// Fails the line unless `body` throws a ``BackendError`` with one of `codes`.
    func requireError(
        _ codes: BackendError.Code...,
        location: String = #fileID,
        number: Int = #line,
        _ body: () async throws -> Void
    ) async throws {
        let expected = codes.map(\.description).joined(separator: " or ")
        do {
            try await body()
        } catch let error as BackendError where codes.contains(error.code) {
            return
        } catch {
            return try self.require(false, "\(expected) is expected, not \(error)", location: location, number: number)
        }
        try self.require(false, "\(expected) is expected, nothing was thrown", location: location, number: number)
    }

    /// Waits until `condition` holds, and fails the line when it does not in time.
    func eventually(
        within limit: Duration? = nil,
        _ message: String,
        location: String = #fileID,
        number: Int = #line,
        _ condition: () async throws -> Bool
    ) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: limit ?? self.patience)
        while try await !condition() {
            try self.require(clock.now < deadline, "not in time: \(message)", location: location, number: number)
            try await clock.sleep(for: .milliseconds(5))
        }
    }

    /// Runs `background` for as long as `body` runs.
    func alongside<Value>(
        body: () async throws -> Value,
        _ background: @escaping @Sendable () async -> Void
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self, returning: Value.self) { group in
            group.addTask { await background() }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
