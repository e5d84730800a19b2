import Rollcall

/// What a runner does next once it listens, as a value: the order in which the parts end, and what counts as failure.
struct RunnerMachine {
    /// What happened.
    enum Event: Sendable {
        /// Somebody wishes the end, or the task was cancelled.
        case endWished
        /// The registrar ended.
        case registrarEnded((any Error)?)
        /// The server does not serve any more.
        case serverEnded((any Error)?)
        /// The call that stops the server returned.
        case stopEnded((any Error)?)
        /// The server does not stop in time.
        case stopOverdue
        /// Something that changes nothing.
        case other
    }

    /// What to do now.
    enum Step: Hashable {
        case nothing
        case deregister
        case stopServer
        /// Cancel what is left.
        case leave
    }

    private(set) var failures: [ServiceRunError.Failure] = []
    private var isEnding = false
    private var isLeaving = false
    private var isRegistrarOver = false
    private var isServerOver = false
    private var isStopping = false
    private var isStopOver = false

    /// Takes note of an event.
    ///
    /// - Parameters:
    ///   - event: What happened.
    ///   - isCancelled: Whether the runner's task was cancelled, which makes every end a normal one.
    /// - Returns: What to do now.
    mutating func received(_ event: Event, isCancelled: Bool) -> Step {
        guard !self.isLeaving else { return .nothing }
        switch event {
        case .other:
            return .nothing
        case .endWished:
            return self.beginEnd()
        case .registrarEnded(let error):
            self.isRegistrarOver = true
            self.fail(.register, isCancelled ? nil : error)
            self.isEnding = true
            return self.isServerOver ? self.leave() : self.stop()
        case .serverEnded(let error):
            self.isServerOver = true
            let isEarly = !self.isStopping && !isCancelled
            self.fail(.serve, isCancelled ? nil : error ?? (isEarly ? Self.endedByItself : nil))
            if self.isStopping { return self.isStopOver ? self.leave() : .nothing }
            return self.isRegistrarOver ? self.leave() : self.beginEnd()
        case .stopEnded(let error):
            self.isStopOver = true
            self.fail(.stop, isCancelled ? nil : error)
            return self.isServerOver ? self.leave() : .nothing
        case .stopOverdue:
            self.fail(.stop, BackendError(.timeout, "the server did not stop in time and was cut short"))
            return self.leave()
        }
    }

    private static let endedByItself = BackendError(.closed, "the server ended though nobody stopped it")

    private mutating func beginEnd() -> Step {
        guard !self.isEnding else { return .nothing }
        self.isEnding = true
        return .deregister
    }

    private mutating func stop() -> Step {
        self.isStopping = true
        return .stopServer
    }

    private mutating func leave() -> Step {
        self.isLeaving = true
        return .leave
    }

    private mutating func fail(_ stage: ServiceRunError.Stage, _ error: (any Error)?) {
        if let error { self.failures.append(ServiceRunError.Failure(stage: stage, error: error)) }
    }
}
