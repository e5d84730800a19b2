import Rollcall
import RollcallTesting
import Testing

@testable import RollcallHub

@Suite("What a hub in front of an engine tells of a service")
struct FrontTableTests {
    private static func snapshot(
        _ ids: String...,
        weight: Int = 1,
        departed: [String: DepartureReason] = [:]
    ) throws -> ServiceSnapshot {
        let service = try ServiceName("web")
        let instances = try ids.map { id in
            try ServiceInstance(
                service: service,
                id: InstanceID(id),
                endpoints: [Endpoint("http://127.0.0.1:1")],
                weight: weight
            )
        }
        let reasons = try departed.map { (try InstanceID($0), $1) }
        return ServiceSnapshot(
            service: service,
            instances: instances,
            revision: 1,
            departed: Dictionary(uniqueKeysWithValues: reasons),
            source: "test"
        )
    }

    @Test("the first state is told from nothing, a later one from the one before")
    func changes() throws {
        var table = FrontTable()
        let web = try ServiceName("web")
        let first = table.tell(try Self.snapshot("a", "b"))
        let again = table.tell(try Self.snapshot("a", "b"))
        #expect(first?.from == 0 && first?.to == 1 && first?.upserts.count == 2)
        #expect(again == nil && table.snapshot(of: web).revision == 1)
        let next = try Self.snapshot("b", "c", departed: ["a": .deregistered])
        let told = table.tell(next)
        let change = try #require(told)
        #expect(change.from == 1 && change.to == 2 && !change.isGone)
        #expect(change.upserts.map(\.id.text) == ["c"])
        #expect(change.removed.map(\.0.text) == ["a"] && change.removed.map(\.1) == [.deregistered])
        let last = table.tell(try Self.snapshot())
        let gone = try #require(last)
        #expect(gone.isGone && gone.removed.map(\.1) == [.unknown, .unknown] && gone.to == 3)
    }

    @Test("what was read ahead of a watch has the revision that the watch tells later")
    func readAhead() throws {
        var table = FrontTable()
        _ = table.tell(try Self.snapshot("a"))
        let both = try Self.snapshot("a", "b")
        let ahead = [table.read(both), table.read(both)]
        let told = table.tell(both)
        let after = table.read(both)
        #expect(ahead == [2, 2] && told?.to == 2 && after == 2)
    }

    @Test("a revision never goes back, whatever order readings and watches come in")
    func rises() throws {
        var table = FrontTable()
        var generator = SplitMix64(seed: 7)
        var told: UInt64 = 0
        let states = try [
            Self.snapshot(), Self.snapshot("a"), Self.snapshot("a", weight: 2), Self.snapshot("a", "b"),
        ]
        for _ in 0..<2000 {
            let state = states[Int.random(in: 0..<states.count, using: &generator)]
            if Bool.random(using: &generator) {
                let before = table.snapshot(of: state.service)
                if let change = table.tell(state) {
                    #expect(change.from == before.revision && change.to > change.from)
                }
                #expect(table.snapshot(of: state.service).revision >= told)
                told = table.snapshot(of: state.service).revision
                #expect(table.snapshot(of: state.service).instances == state.instances)
            } else {
                let (first, second) = (table.read(state), table.read(state))
                #expect(first == second)
            }
        }
    }

    @Test("services that are not there are not kept for who asks")
    func strangers() throws {
        var table = FrontTable()
        let web = try ServiceName("web")
        let read = table.read(try Self.snapshot())
        #expect(read == 0)
        _ = table.tell(try Self.snapshot())
        for _ in 0..<FrontTable.maximumAge { table.age { _ in true } }
        #expect(table.toldRevision(of: web) == nil)
        _ = table.tell(try Self.snapshot("a"))
        for _ in 0..<FrontTable.maximumAge { table.age { _ in false } }
        let followed = table.toldRevision(of: web)
        _ = table.read(try Self.snapshot("a"))
        for _ in 1..<FrontTable.maximumAge { table.age { _ in true } }
        let asked = table.toldRevision(of: web)
        table.age { _ in true }
        #expect(followed == asked && asked != nil && table.toldRevision(of: web) == nil)
        // A revision from before means nothing else now.
        _ = table.tell(try Self.snapshot("b"))
        #expect(table.snapshot(of: web).revision > asked ?? 0)
    }
}

@Suite("Leases that are sealed")
struct LeaseSealTests {
    private let token: LeaseToken

    init() throws {
        self.token = LeaseToken(service: try ServiceName("web"), id: try InstanceID("ä/1"), secret: "694d9a\n~")
    }

    @Test("a lease's secret that has the longest place in it is one that hubs take")
    func longestSecret() throws {
        let seal = LeaseSeal(key: SealingKey(), namespace: .default)
        // As etcd's driver makes it in the layout discox: a lease, and the endpoint of a host with the longest name.
        let place = String(repeating: "h", count: 253) + ":65535"
        let token = LeaseToken(
            service: try ServiceName("web"),
            id: try InstanceID("a"),
            secret: "7fffffffffffffff@\(place)"
        )
        let secret = seal.secret(of: token)
        #expect(throws: Never.self) { try HubRequest.check(secret: secret, field: "Rollcall-Lease") }
        #expect(try seal.token(of: LeaseToken(service: token.service, id: token.id, secret: secret)) == token)
    }

    @Test("every hub with the key opens it, for this instance in this namespace alone")
    func opening() throws {
        let key = SealingKey()
        let seal = LeaseSeal(key: key, namespace: .default)
        let secret = seal.secret(of: self.token)
        #expect(secret != seal.secret(of: self.token))
        #expect(secret.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"+/=".utf8.contains($0) })
        let shown = LeaseToken(service: self.token.service, id: self.token.id, secret: secret)
        #expect(try LeaseSeal(key: key, namespace: .default).token(of: shown) == self.token)
        let others = [
            (LeaseSeal(key: SealingKey(), namespace: .default), shown),
            (LeaseSeal(key: key, namespace: try Namespace("shop")), shown),
            (seal, LeaseToken(service: self.token.service, id: try InstanceID("b"), secret: secret)),
            (seal, LeaseToken(service: try ServiceName("log"), id: self.token.id, secret: secret)),
            (seal, LeaseToken(service: self.token.service, id: self.token.id, secret: String(secret.dropLast()))),
            (seal, LeaseToken(service: self.token.service, id: self.token.id, secret: "")),
            (seal, LeaseToken(service: self.token.service, id: self.token.id, secret: "694d9a")),
            (seal, LeaseToken(service: self.token.service, id: self.token.id, secret: "ö=%\u{0}")),
        ]
        for (other, token) in others {
            let error = #expect(throws: BackendError.self) { try other.token(of: token) }
            #expect(error?.code == .leaseLost)
        }
    }
}
