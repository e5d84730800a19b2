import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallHub
@testable import RollcallHubClient

@Suite("Hub API: streams of events", .timeLimit(.minutes(2)), .serialized)
struct StreamTests {
    @Test("a snapshot comes first, also of a service that nobody knows; then a delta for each change")
    func deltas() async throws {
        try await withHub { hub in
            let epoch = hub.server.store.epoch
            try await hub.register("a")
            try await hub.stream("GET", "/v1/watch?service=web&service=nobody") { stream in
                let first = try await stream.next("snapshot")
                #expect(first.service == "web")
                #expect(first.ids == ["a"])
                #expect(first.id == "\(epoch).1")
                let second = try await stream.next("snapshot")
                #expect(second.service == "nobody")
                #expect(second.ids.isEmpty)
                try await stream.comment()

                let secret = try await hub.register("b")
                let upsert = try await stream.next("delta")
                #expect(upsert.json["from"] == .number(1))
                #expect(upsert.json["to"] == .number(2))
                #expect(upsert.json["upserts"]?[0] == (try await hub.call("GET", "/v1/services/web/instances/b").json))
                #expect(upsert.json["removed"] == .list([]))
                #expect(upsert.id == "\(epoch).2")

                _ = try await hub.call("PATCH", "/v1/services/web/instances/a", #"{"weight":3}"#)
                let amended = try await stream.next("delta")
                #expect(amended.json["from"] == .number(2))
                #expect(amended.json["upserts"]?[0]?["weight"] == .number(3))

                _ = try await hub.call("DELETE", "/v1/services/web/instances/b", headers: ["Rollcall-Lease": secret])
                let left = try await stream.next("delta")
                #expect(left.json["upserts"] == .list([]))
                #expect(
                    left.json["removed"]
                        == .list([.object(["id": .text("b"), "reason": .text("deregistered")])])
                )
            }
            try await eventually { hub.server.store.watchCount == 0 }
        }
    }

    @Test("what ends with its time is told as expired")
    func expiry() async throws {
        try await withHub { hub in
            try await hub.stream("GET", "/v1/watch?service=web") { stream in
                _ = try await stream.next("snapshot")
                try await hub.register("a", query: "?ttl=1s")
                _ = try await stream.next("delta")
                let end = try await stream.next("delta")
                #expect(end.json["removed"]?[0]?["reason"] == .text("expired"))
            }
        }
    }

    @Test("patterns cover services that come later; a service by name and by pattern comes once")
    func patterns() async throws {
        try await withHub { hub in
            try await hub.register("1", of: "team-a")
            try await hub.register("1", of: "web")
            try await hub.stream("GET", "/v1/watch?service=team-*&service=team-a") { stream in
                #expect(try await stream.next("snapshot").service == "team-a")
                try await stream.comment()
                try await hub.register("2", of: "web")
                try await hub.register("1", of: "team-b")
                let new = try await stream.next("snapshot")
                #expect(new.service == "team-b")
                #expect(new.ids == ["1"])
                try await hub.register("2", of: "team-a")
                let delta = try await stream.next("delta")
                #expect(delta.service == "team-a")
                try await hub.register("2", of: "team-b")
                #expect(try await stream.next("delta").service == "team-b")
            }
        }
    }

    @Test("names tell when services come and go, and only then")
    func names() async throws {
        try await withHub { hub in
            try await hub.register("1", of: "auth")
            try await hub.stream("GET", "/v1/watch?names=true") { stream in
                #expect(try await stream.next("services").names == ["auth"])
                try await stream.comment()
                try await hub.register("2", of: "auth")
                try await hub.register("1", of: "web")
                #expect(try await stream.next("services").names == ["auth", "web"])
                for id in ["1", "2"] { _ = try await hub.call("DELETE", "/v1/services/auth/instances/\(id)") }
                #expect(try await stream.next("services").names == ["web"])
            }
        }
    }

    @Test("a stream that goes on from what the caller has begins with what is newer")
    func resume() async throws {
        try await withHub { hub in
            let epoch = hub.server.store.epoch
            try await hub.register("a")
            try await hub.register("x", of: "other")
            func wish(_ revision: Int, epoch: String) -> String {
                #"{"epoch":"\#(epoch)","services":{"web":\#(revision)},"later":{"unknown":[]}}"#
            }
            try await hub.stream("POST", "/v1/watch", wish(1, epoch: epoch)) { stream in
                try await stream.comment()
                try await hub.register("b")
                let delta = try await stream.next("delta")
                #expect(delta.json["from"] == .number(1))
                #expect(delta.json["to"] == .number(3))
            }
            for old in [wish(1, epoch: epoch), wish(9999, epoch: epoch), wish(3, epoch: "other")] {
                try await hub.stream("POST", "/v1/watch", old) { stream in
                    #expect(try await stream.next("snapshot").ids == ["a", "b"])
                    try await stream.comment()
                }
            }
            let fresh = #"{"services":{"web":3,"o*":0},"names":true}"#
            try await hub.stream("POST", "/v1/watch", fresh) { stream in
                _ = try await stream.next("services")
                let services = [try await stream.next("snapshot").service, try await stream.next("snapshot").service]
                #expect(Set(services) == ["web", "other"])
            }
        }
    }

    @Test("what a pattern covers is told anew by each stream, so that what is not told is gone")
    func resumedPattern() async throws {
        try await withHub { hub in
            let epoch = hub.server.store.epoch
            try await hub.register("1", of: "team-a")
            let latest = try await hub.call("PUT", "/v1/services/team-b/instances/1", #"{"endpoints":["http://a:1"]}"#)
            _ = try await hub.call("DELETE", "/v1/services/team-a/instances/1")
            let wish = #"{"epoch":"\#(epoch)","services":{"team-*":\#(latest.revision ?? 0),"team-a":1}}"#
            try await hub.stream("POST", "/v1/watch", wish) { stream in
                // By name it is told that nobody is there; the pattern alone would say nothing of it.
                let first = try await stream.next("snapshot")
                let second = try await stream.next("snapshot")
                try await stream.comment()
                #expect([first, second].first { $0.service == "team-a" }?.ids == [])
                #expect([first, second].first { $0.service == "team-b" }?.ids == ["1"])
            }
        }
    }

    @Test("a stream forgets services that only its pattern covers once they are gone")
    func forgets() async throws {
        try await withHub { hub in
            try await hub.stream("GET", "/v1/watch?service=team-*&service=web") { stream in
                #expect(try await stream.next("snapshot").service == "web")
                for (service, again) in [("team-a", "snapshot"), ("web", "delta")] {
                    for isBack in [false, true] {
                        try await hub.register("1", of: service)
                        let event = try #require(try await stream.event())
                        #expect(event.service == service)
                        if isBack { #expect(event.name == again, "\(service)") }
                        _ = try await hub.call("DELETE", "/v1/services/\(service)/instances/1")
                        #expect(try await stream.next("delta").service == service)
                    }
                }
            }
        }
    }

    @Test("a stream is of its namespace, by query or header")
    func namespaces() async throws {
        try await withHub { hub in
            try await hub.register("blue", query: "?ns=blue")
            try await hub.register("default")
            try await hub.stream("GET", "/v1/watch?service=web&ns=blue") { stream in
                let first = try await stream.next("snapshot")
                #expect(first.ids == ["blue"])
            }
            let header = ["Rollcall-Namespace": "blue"]
            try await hub.stream("GET", "/v1/watch?service=*", headers: header) { stream in
                #expect(try await stream.next("snapshot").ids == ["blue"])
                try await stream.comment()
                try await hub.register("default-2")
                try await hub.register("blue-2", query: "?ns=blue")
                let delta = try await stream.next("delta")
                #expect(delta.json["upserts"]?[0]?["id"] == .text("blue-2"))
            }
        }
    }

    @Test("a comment comes while nothing changes")
    func heartbeat() async throws {
        try await withHub { hub in
            try await hub.stream("GET", "/v1/watch?service=web") { stream in
                _ = try await stream.next("snapshot")
                try await stream.comment()
                let clock = ContinuousClock()
                let start = clock.now
                #expect(try await stream.element() == .comment)
                #expect(start.duration(to: clock.now) < .seconds(15))
            }
        }
    }

    @Test("a stream that did not take a change is told the state, not the changes")
    func skipped() async throws {
        let store = try HubStore(folder: nil)
        let service = try ServiceName("web")
        let subscription = store.feed.open(.default, [.exact(service)])
        defer { store.feed.close(subscription) }
        func register(_ id: String) throws {
            _ = try store.register(HubStoreTests.make(id), in: .default, ttl: .seconds(10))
        }
        try register("a")
        guard case .change(_, let only) = try await subscription.mailbox.next() else {
            Issue.record("a change is expected")
            return
        }
        #expect(only.event != nil)
        try register("b")
        try register("c")
        guard case .change(_, let last) = try await subscription.mailbox.next() else {
            Issue.record("a change is expected")
            return
        }
        #expect(last.event == nil)
        #expect(last.to == 3)
    }

    @Test("a snapshot and a delta are encoded once, for any number of streams")
    func encodedOnce() async throws {
        let store = try HubStore(folder: nil)
        let service = try ServiceName("web")
        let subscriptions = (0..<50).map { _ in store.feed.open(.default, [.exact(service)]) }
        defer { for subscription in subscriptions { store.feed.close(subscription) } }
        _ = try store.register(HubStoreTests.make("a"), in: .default, ttl: .seconds(10))
        var addresses: Set<Int> = []
        for subscription in subscriptions {
            guard case .change(_, let change) = try await subscription.mailbox.next() else { continue }
            addresses.insert(try #require(change.event).withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) })
        }
        #expect(addresses.count == 1)
        let snapshots = try (0..<50).map { _ in try store.snapshot(of: service, in: .default).json }
        #expect(Set(snapshots.map { $0.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) } }).count == 1)
    }

    @Test("many streams see every change, and end with the same state")
    func many() async throws {
        try await withHub { hub in
            try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await hub.stream("GET", "/v1/watch?service=web") { stream in
                            var replica = ServiceReplica(service: try ServiceName("web"))
                            while let event = try await stream.event() {
                                let snapshot = try replica.accept(event.name, id: event.id, data: event.data)
                                let ids = snapshot?.instances.map(\.id.text) ?? []
                                if ids.contains("last") { return ids }
                            }
                            return []
                        }
                    }
                }
                try await eventually { hub.server.store.watchCount == 50 }
                var expected: [String] = []
                for index in 0..<40 {
                    let id = "i\(10 + index)"
                    try await hub.register(id)
                    if index.isMultiple(of: 3) {
                        _ = try await hub.call("DELETE", "/v1/services/web/instances/\(id)")
                    } else {
                        expected.append(id)
                    }
                }
                try await hub.register("last")
                for try await ids in group { #expect(ids == expected + ["last"]) }
            }
        }
    }
}
