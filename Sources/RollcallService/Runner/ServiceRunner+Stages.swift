import Rollcall

extension ServiceRunner {
    private typealias Failure = ServiceRunError.Failure

    private typealias Event = RunnerMachine.Event

    /// Lives from the first stage to the last, and returns what went wrong.
    func live() async -> [ServiceRunError.Failure] {
        let requirements = Requirements(
            names: self.configuration.requires,
            discovery: self.client.discovery,
            log: self.log
        )
        var stage = ServiceRunError.Stage.prepare
        do {
            guard try await self.unlessEnding({ try await self.configuration.prepare() }) else { return [] }
            stage = .requirements
            if case .wait(let limit) = self.configuration.requirements {
                guard try await self.unlessEnding({ try await requirements.wait(upTo: limit) }) else { return [] }
            }
            guard !self.shutdown.isRaised, !Task.isCancelled else { return [] }
            stage = .register
            // An instance that is refused must find the server serving, or nothing could stop it.
            let registrar = try self.client.registrar(configuration: self.configuration.registrar) {
                try self.configuration.instance(of: self.service, at: self.endpoints)
            }
            stage = .listen
            let endpoints = try await self.server.listen()
            self.noteListening(at: endpoints)
            self.noteRegistering(by: registrar)
            return await self.serve(registrar, requirements)
        } catch {
            // What a cancelled stage throws is no failure: somebody wished the end.
            return Task.isCancelled || self.shutdown.isRaised ? [] : [Failure(stage: stage, error: error)]
        }
    }

    /// Runs a stage, which the wish to end cancels.
    ///
    /// - Returns: Whether it was finished.
    private func unlessEnding(_ stage: @escaping @Sendable () async throws -> Void) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await stage()
                return true
            }
            group.addTask {
                await self.shutdown.wait()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// Serves and is registered until the wish to end or the end of either.
    private func serve(_ registrar: Registrar, _ requirements: Requirements) async -> [ServiceRunError.Failure] {
        await withTaskGroup(of: Event.self, returning: [Failure].self) { group in
            group.addTask { .serverEnded(await Self.failure(of: { try await self.server.serve() })) }
            group.addTask { .registrarEnded(await Self.failure(of: { try await registrar.run() })) }
            group.addTask {
                await self.shutdown.wait()
                return .endWished
            }
            group.addTask {
                if (try? await registrar.waitUntilRegistered()) != nil { self.noteRegistered() }
                if self.configuration.requirements == .warn { await requirements.watch() }
                return .other
            }
            var machine = RunnerMachine()
            while let event = await group.next() {
                switch machine.received(event, isCancelled: Task.isCancelled) {
                case .nothing: break
                case .deregister: registrar.beginShutdown()
                case .stopServer: self.stopServer(in: &group)
                case .leave: group.cancelAll()
                }
            }
            return machine.failures
        }
    }

    private func stopServer(in group: inout TaskGroup<Event>) {
        let limit = self.configuration.stopLimit
        let clock = self.client.configuration.registrar.clock
        group.addTask { .stopEnded(await Self.failure(of: { try await self.server.stop(within: limit) })) }
        group.addTask {
            // The server's own limit comes first; this is for one that does not keep to it.
            try? await clock.sleep(for: limit + .seconds(1))
            return Task.isCancelled ? .other : .stopOverdue
        }
    }

    private static func failure(of body: () async throws -> Void) async -> (any Error)? {
        do {
            try await body()
            return nil
        } catch {
            return error
        }
    }
}
