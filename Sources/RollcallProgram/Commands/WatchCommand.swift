import Rollcall

/// `rollcall watch`: what changes, as it changes.
struct WatchCommand: Command {
    let spec = CommandSpec(
        "watch",
        summary: "follow what changes about services",
        positionals: [PositionalSpec("SERVICE", .many, "a service; team-* for those that begin so, * for all")],
        discussion: """
            One line for each change: + registered, = changed, - gone and why. What is there already comes first.
            With --output json one snapshot on a line, the current one of each service first.
            Ends when it is interrupted.
            """,
        examples: ["rollcall watch web", "rollcall watch 'team-*' --output json | jq ."]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let patterns = try context.arguments.values("SERVICE").map { text in
            do throws(ValidationError) {
                return try ServicePattern(text)
            } catch {
                throw context.arguments.misuse("SERVICE: \(error.message)")
            }
        }
        return try await context.withClient { client in
            do {
                try await Self.awaitFirstView(of: patterns, client, context)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for pattern in patterns {
                        group.addTask {
                            try await client.discovery.withUpdates(matching: pattern) { updates in
                                var follower = ChangeFollower(terminal: context.terminal)
                                for try await snapshot in updates { try follower.follow(snapshot) }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            } catch  where Task.isCancelled {
                return .done
            }
            if Task.isCancelled { return .done }
            throw BackendError(.closed, "the watch ended")
        }
    }

    /// Fails in time when the registry does not answer; once it did, a watch survives its absence.
    private static func awaitFirstView(
        of patterns: [ServicePattern],
        _ client: RollcallClient,
        _ context: CommandContext
    ) async throws {
        for pattern in patterns {
            if let service = pattern.service {
                _ = try await client.discovery.snapshot(of: service)
            } else {
                _ = try await context.inTime { () async throws(BackendError) in try await client.registry.services() }
            }
        }
    }
}

/// Tells what changes from one snapshot to the next.
struct ChangeFollower {
    private let terminal: Terminal
    private var known: [ServiceName: ServiceSnapshot] = [:]
    private var stale: Set<ServiceName> = []

    /// Begins with nothing known.
    init(terminal: Terminal) {
        self.terminal = terminal
    }

    /// Tells what is new in a snapshot.
    ///
    /// - Parameter snapshot: The latest of its service.
    /// - Throws: An ``OutputError``.
    mutating func follow(_ snapshot: ServiceSnapshot) throws {
        guard snapshot.freshness == .live else {
            // It shows what was shown before; and a watch that is asked to end ends with its registry.
            if !Task.isCancelled, self.stale.insert(snapshot.service).inserted {
                self.terminal.note("\(snapshot.service): the registry is away; this is how it was last")
            }
            return
        }
        if self.stale.remove(snapshot.service) != nil {
            self.terminal.note("\(snapshot.service): the registry is back")
        }
        let former = self.known.updateValue(snapshot, forKey: snapshot.service)
        if self.terminal.format == .json {
            if former?.instances != snapshot.instances { try self.terminal.json { snapshot.write(to: &$0) } }
            return
        }
        if former == nil, snapshot.instances.isEmpty {
            self.terminal.note("\(snapshot.service): no instance is registered")
        }
        for event in snapshot.events(since: former) { try self.show(event) }
    }

    private func show(_ event: ServiceEvent) throws {
        let name = " \(event.instance.service)/\(event.instance.id)"
        switch event {
        case .registered(let new):
            try self.terminal.line(Cell("+", .green), "\(name) \(new.endpoint) ", Cell(new.status))
        case .updated(let old, let new):
            try self.terminal.line(Cell("=", .yellow), "\(name) \(Self.differences(old, new))")
        case .removed(_, let reason):
            try self.terminal.line(Cell("-", .red), "\(name) \(reason.rawValue)")
        }
    }

    /// What is different, field by field.
    private static func differences(_ old: ServiceInstance, _ new: ServiceInstance) -> String {
        let fields: [(name: String, old: String, new: String)] = [
            ("status", old.status.rawValue, new.status.rawValue),
            ("weight", "\(old.weight)", "\(new.weight)"),
            ("endpoints", Self.list(old.endpoints.map(\.description)), Self.list(new.endpoints.map(\.description))),
            ("version", old.version?.description ?? "none", new.version?.description ?? "none"),
            ("zone", old.zone ?? "none", new.zone ?? "none"),
            ("tags", Self.list(old.tags), Self.list(new.tags)),
            ("metadata", Self.list(Self.pairs(old.metadata)), Self.list(Self.pairs(new.metadata))),
            ("requires", Self.list(old.requires.map(\.text)), Self.list(new.requires.map(\.text))),
        ]
        return fields.filter { $0.old != $0.new }.map { "\($0.name) \($0.old) -> \($0.new)" }.joined(separator: ", ")
    }

    private static func pairs(_ metadata: [String: String]) -> [String] {
        metadata.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static func list(_ texts: [String]) -> String {
        texts.isEmpty ? "none" : texts.joined(separator: ",")
    }
}
