import Rollcall
import Synchronization

extension ConfigContract {
    static let writingLines = [
        Line("C15", "of many writers who expect the same exactly one wins, and the others learn what is stored") {
            context in
            let key = try context.key()
            var stored = try await context.first.write(context.draft("start"), to: key, expecting: .absent)
            for round in 0..<20 {
                let outcomes = await Self.race(12, round, key, expecting: .revision(stored.revision), context)
                let winners = outcomes.compactMap { try? $0.get() }
                try context.require(winners.count == 1, "\(winners.count) of 12 writers won in round \(round)")
                for case .failure(let error) in outcomes {
                    try context.require(error.code == .conflict, "a loser gets \(error)")
                    try context.require(
                        error.currentRevision == winners[0].revision.text,
                        "a loser is told \(error.currentRevision ?? "nothing")"
                    )
                }
                stored = winners[0]
                let read = try await context.second.entry(for: key)
                try context.require(read == stored, "\(String(describing: read)) is read, not \(stored)")
            }
        },
        Line("C15a", "of many who store the first content of a key exactly one does") { context in
            for round in 0..<10 {
                let key = try context.key("first/\(round)")
                let outcomes = await Self.race(8, round, key, expecting: .absent, context)
                let winners = outcomes.count { (try? $0.get()) != nil }
                try context.require(winners == 1, "\(winners) of 8 writers won")
            }
        },
        Line("C15b", "a count that many raise by compare-and-set misses nothing") { context in
            let key = try context.key("count")
            _ = try await context.first.write(context.draft("0"), to: key, expecting: .absent)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    let backend = writer.isMultiple(of: 2) ? context.first : context.second
                    group.addTask {
                        for _ in 0..<15 { try await Self.increment(key, in: backend) }
                    }
                }
                try await group.waitForAll()
            }
            let text = try await context.second.entry(for: key)?.content.text
            try context.require(text == "90", "the count is \(text ?? "nothing")")
        },
        Line("C15c", "versions only rise, and a revision never comes again") { context in
            let key = try context.key()
            var revisions: Set<String> = []
            for round in 0..<5 {
                let entry = try await context.first.write(context.draft("same"), to: key, expecting: .any)
                try context.require(entry.version == Int64(round) + 1, "the version is \(entry.version)")
                try context.require(revisions.insert(entry.revision.text).inserted, "\(entry.revision) came again")
            }
            let named = try await context.first.write(context.draft("named", version: 40), to: key, expecting: .any)
            try context.require(named.version == 40, "the version is \(named.version), not 40")
            for version in [1, 39, 40] as [Int64] {
                try await context.requireError(.conflict) {
                    _ = try await context.first.write(context.draft("low", version: version), to: key, expecting: .any)
                }
            }
            let last = try await context.first.write(context.draft("last", version: .max), to: key, expecting: .any)
            try context.require(last.version == .max, "the version is \(last.version)")
            try await context.requireError(.invalidArgument) {
                _ = try await context.first.write(context.draft("beyond"), to: key, expecting: .any)
            }
            try context.require(try await context.second.entry(for: key) == last, "something changed all the same")
        },
        Line("C15d", "deleting takes what is expected only, and what is written after is new") { context in
            let key = try context.key()
            try context.require(try await !context.first.delete(key, expecting: .any), "there was nothing to delete")
            let former = try await context.first.write(context.draft("one"), to: key, expecting: .any)
            let present = try await context.first.write(context.draft("two"), to: key, expecting: .any)
            try await context.requireError(.conflict) {
                try await context.second.delete(key, expecting: .revision(former.revision))
            }
            let isGone = try await context.second.delete(key, expecting: .revision(present.revision))
            try context.require(isGone, "nothing was deleted")
            try context.require(try await context.first.entry(for: key) == nil, "it is still there")
            try await context.requireError(.notFound) {
                try await context.first.delete(key, expecting: .revision(present.revision))
            }
            try await context.requireError(.conflict) {
                let expected = ConfigExpectation.revision(present.revision)
                _ = try await context.first.write(context.draft("three"), to: key, expecting: expected)
            }
            let again = try await context.first.write(context.draft("two"), to: key, expecting: .absent)
            try context.require(again.revision != present.revision, "the revision came again")
            if context.first.configCapabilities.remembersVersions {
                try context.require(again.version > present.version, "the version fell to \(again.version)")
            }
        },
        Line("C15e", "a key is matched exactly, and listed under what it begins with") { context in
            let names = [
                "a", "a/b", "a/b/c", "ab", "A", "a b", "a?x#y", "%2F", "../a", "wéb", "we\u{301}b", "a//b", "a/",
            ]
            for name in names {
                _ = try await context.first.write(context.draft(name), to: context.key(name), expecting: .absent)
            }
            for name in names {
                let text = try await context.second.entry(for: context.key(name))?.content.text
                try context.require(
                    text.map { $0.utf8.elementsEqual(name.utf8) } == true,
                    "\(name) holds \(text ?? "-")"
                )
            }
            let slashed = try await context.second.entry(for: context.key("/a/b"))?.content.text
            try context.require(slashed == "a/b", "/a/b is not a/b but \(slashed ?? "nothing")")
            for prefix in ["", "a", "a/", "a/b/", "zzz"] {
                let listed = try await context.second.keys(under: prefix)
                let expected = try names.filter { $0.utf8.starts(with: prefix.utf8) }.map { try context.key($0) }
                    .sorted()
                try context.require(listed.map(\.key) == expected, "under '\(prefix)' are \(listed.map(\.key))")
            }
            let summary = try await context.second.keys(under: "a/b/c").first
            try context.require(summary?.size == 5 && summary?.version == 1, "\(String(describing: summary))")
        },
        Line("C17", "what is too large is a named error, and nothing is stored") { context in
            let key = try context.key()
            let limit = context.first.configCapabilities.maximumBytes
            let full = ConfigContent(bytes: Array(repeating: 0x61, count: limit))
            let entry = try await context.first.write(ConfigDraft(full), to: key, expecting: .absent)
            try context.require(
                try await context.second.entry(for: key)?.content == full,
                "the full size is not read back"
            )
            let beyond = ConfigContent(bytes: Array(repeating: 0x61, count: limit + 1))
            do {
                _ = try await context.first.write(ConfigDraft(beyond), to: key, expecting: .any)
                try context.require(false, "\(limit + 1) bytes were taken")
            } catch let error as BackendError {
                try context.require(error.code == .tooLarge && error.limit == limit, "the error is \(error)")
            }
            let name = String(repeating: "n", count: ConfigDraft.maximumNameBytes + 1)
            try await context.requireError(.invalidArgument) {
                _ = try await context.first.write(ConfigDraft(full, name: name), to: key, expecting: .any)
            }
            try context.require(try await context.second.entry(for: key) == entry, "something changed all the same")
        },
    ]

    /// Lets many write at once, half of them through each client.
    private static func race(
        _ count: Int,
        _ round: Int,
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation,
        _ context: ConfigContractContext
    ) async -> [Result<ConfigEntry, BackendError>] {
        await withTaskGroup(of: Result<ConfigEntry, BackendError>.self) { group in
            for writer in 0..<count {
                let backend = writer.isMultiple(of: 2) ? context.first : context.second
                group.addTask {
                    do throws(BackendError) {
                        let draft = context.draft("\(round) by \(writer)")
                        return .success(try await backend.write(draft, to: key, expecting: expectation))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func increment(_ key: ConfigKey, in backend: any ConfigBackend) async throws {
        while true {
            guard let entry = try await backend.entry(for: key), let number = Int(entry.content.text ?? "") else {
                throw BackendError(.protocolViolation, "the count cannot be read")
            }
            let draft = ConfigDraft(ConfigContent("\(number + 1)"))
            do throws(BackendError) {
                _ = try await backend.write(draft, to: key, expecting: .revision(entry.revision))
                return
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
    }
}
