import Rollcall

extension ConfigContract {
    static let watchingLines = [
        Line("C16", "a watch begins with what is there and shows changes in order, deletion among them") { context in
            let key = try context.key()
            try await context.watching(key, through: context.second) { recorder in
                try await context.eventually("the empty state comes") { recorder.states == [.absent] }
                for number in 1...100 {
                    _ = try await context.first.write(context.draft("\(number)"), to: key, expecting: .any)
                }
                try await context.eventually("the last comes") { recorder.text == "100" }
                let versions = recorder.versions
                try context.require(versions == versions.sorted(), "the order is \(versions)")
                _ = try await context.first.delete(key, expecting: .any)
                try await context.eventually("the deletion comes") { recorder.states.last == .absent }
                _ = try await context.first.write(context.draft("again"), to: key, expecting: .absent)
                try await context.eventually("what follows comes") { recorder.text == "again" }
            }
            try await context.watching(key, through: context.second) { recorder in
                try await context.eventually("the present state comes") { recorder.states.count == 1 }
                try context.require(recorder.text == "again", "\(recorder.states)")
            }
        },
        Line("C16a", "a change of another key wakes nobody") { context in
            let key = try context.key("shop/limits")
            try await context.watching(key, through: context.second) { recorder in
                try await context.eventually("the empty state comes") { recorder.states == [.absent] }
                for other in ["shop", "shop/limits2", "shop/limits/x", "Shop/limits"] {
                    _ = try await context.first.write(context.draft("x"), to: context.key(other), expecting: .absent)
                }
                _ = try await context.first.write(context.draft("mine"), to: key, expecting: .absent)
                try await context.eventually("its own comes") { recorder.text == "mine" }
                try context.require(recorder.states.count == 2, "\(recorder.states)")
            }
        },
        Line("C16b", "a watch outlives an absence of the server, and shows what changed after it") { context in
            let key = try context.key()
            try await context.watching(key, through: context.second) { recorder in
                _ = try await context.first.write(context.draft("before"), to: key, expecting: .absent)
                try await context.eventually("what was before comes") { recorder.text == "before" }
                try await context.harness.setReachable(false)
                do {
                    try await context.requireError(.unavailable, .timeout) {
                        _ = try await context.first.entry(for: key)
                    }
                    try await context.harness.setReachable(true)
                } catch {
                    try await context.harness.setReachable(true)
                    throw error
                }
                try await context.eventually("the server is back") {
                    (try? await context.first.write(context.draft("after"), to: key, expecting: .any)) != nil
                }
                try await context.eventually("what changed after comes") { recorder.text == "after" }
                try context.require(recorder.versions == recorder.versions.sorted(), "\(recorder.versions)")
            }
        },
        Line("C16c", "cancelling a watch ends it, a thousand times") { context in
            let key = try context.key("missing")
            func openAndCancel(_ cycles: Int) async throws {
                for _ in 0..<cycles {
                    try await context.watching(key, through: context.second) { recorder in
                        try await context.eventually("the empty state comes") { !recorder.states.isEmpty }
                    }
                }
            }
            // The clients run by then.
            try await openAndCancel(50)
            let work = WorkGauge.active
            try await openAndCancel(1000)
            try await context.eventually("the work is back at \(work), not \(WorkGauge.active)") {
                WorkGauge.active <= work
            }
        },
    ]

    static let historyLines = [
        Line("history", "what was stored is kept for a while, and can be stored anew under a higher version") {
            context in
            guard let backend = context.first as? any ConfigHistoryBackend else { return }
            let key = try context.key()
            try context.require(try await backend.history(of: key).isEmpty, "there is a history before the first write")
            for text in ["one", "two", "three"] {
                _ = try await backend.write(context.draft(text), to: key, expecting: .any)
            }
            try context.require(try await backend.history(of: key).map(\.summary.version) == [3, 2, 1], "the order")
            try context.require(
                try await backend.entry(for: key, version: 1)?.content.text == "one",
                "the first content"
            )
            let back = try await backend.rollBack(key, to: 1, expecting: .any)
            try context.require(back.version == 4 && back.content.text == "one", "\(back)")
            _ = try await backend.delete(key, expecting: .any)
            let history = try await backend.history(of: key)
            try context.require(history.first?.isDeletion == true, "the deletion is not in the history")
            try context.require(history.map(\.summary.version) == [5, 4, 3, 2, 1], "\(history.map(\.summary.version))")
            try await context.requireError(.notFound) { _ = try await backend.rollBack(key, to: 5, expecting: .any) }
            try await context.requireError(.notFound) { _ = try await backend.rollBack(key, to: 77, expecting: .any) }
            let restored = try await backend.rollBack(key, to: 3, expecting: .absent)
            try context.require(restored.version == 6 && restored.content.text == "three", "\(restored)")
            for number in 0..<100 {
                _ = try await backend.write(context.draft("\(number)"), to: key, expecting: .any)
            }
            let kept = try await backend.history(of: key).count
            try context.require((10...100).contains(kept), "\(kept) states are kept")
        },
        Line("batch", "several changes are made at once, or none") { context in
            guard let backend = context.first as? any ConfigBatchBackend else { return }
            let (a, b, c) = try (context.key("a"), context.key("b"), context.key("c"))
            let entries = try await backend.apply([
                ConfigChange(a, .write(context.draft("1")), expecting: .absent),
                ConfigChange(b, .write(context.draft("2")), expecting: .absent),
            ])
            try context.require(entries.map { $0?.content.text } == ["1", "2"], "\(entries)")
            try await context.requireError(.conflict) {
                _ = try await backend.apply([
                    ConfigChange(a, .write(context.draft("3"))), ConfigChange(b, .delete),
                    ConfigChange(c, .write(context.draft("4")), expecting: .revision(ConfigRevision("nothing"))),
                ])
            }
            try context.require(try await backend.entry(for: a)?.content.text == "1", "a was changed")
            try context.require(try await backend.entry(for: b)?.content.text == "2", "b was deleted")
            try context.require(try await backend.entry(for: c) == nil, "c was written")
            let mixed = try await backend.apply([
                ConfigChange(a, .delete), ConfigChange(c, .write(context.draft("5"))), ConfigChange(b, .delete),
            ])
            try context.require(mixed.map { $0?.content.text } == [nil, "5", nil], "\(mixed)")
            try await context.requireError(.invalidArgument) {
                _ = try await backend.apply([ConfigChange(a, .delete), ConfigChange(a, .delete)])
            }
        },
    ]
}
