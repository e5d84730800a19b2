import GRPCEngine
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

@Suite("What follows a range of etcd")
struct EtcdFollowerTests {
    private func header(_ revision: Int64, cluster: UInt64 = 1) -> EtcdHeader {
        var header = EtcdHeader()
        header.cluster = cluster
        header.revision = revision
        return header
    }

    private func response(_ revision: Int64, cluster: UInt64 = 1, changes: Int64...) throws -> EtcdWatchResponse {
        var response = try EtcdWatchResponse([])
        response.header = self.header(revision, cluster: cluster)
        for change in changes {
            var event = try EtcdEvent([])
            event.record.modRevision = change
            response.events.append(event)
        }
        return response
    }

    private func listed(_ revision: Int64) -> EtcdFollower {
        var follower = EtcdFollower()
        _ = follower.begin(on: 1)
        follower.listed(self.header(revision))
        return follower
    }

    @Test("it lists first, and then watches from the revision behind the list")
    func beginning() {
        var follower = EtcdFollower()
        #expect(follower.begin(on: 1) == .list)
        follower.listed(self.header(7))
        #expect(follower.begin(on: 1) == .watch(from: 8))
    }

    @Test("it goes on behind the last change that it saw, and takes none twice")
    func resumption() throws {
        var follower = self.listed(7)
        let first = try self.response(9, changes: 8, 9)
        let findings = [follower.receive(first), follower.receive(first)]
        #expect(findings == [.changes(first.events), .nothing])
        #expect(follower.begin(on: 1) == .watch(from: 10))
    }

    @Test("pieces of one answer are taken together, and those that a broken connection leaves are dropped")
    func fragments() throws {
        var follower = self.listed(7)
        var piece = try self.response(9, changes: 8)
        piece.isFragment = true
        #expect(follower.receive(piece) == .nothing)
        #expect(follower.begin(on: 1) == .watch(from: 8))
        #expect(follower.receive(piece) == .nothing)
        let last = try self.response(9, changes: 9)
        #expect(follower.receive(last) == .changes(piece.events + last.events))
    }

    @Test("compaction, another cluster and a store that was taken back are answered by a new list")
    func losses() throws {
        var compacted = try self.response(20)
        (compacted.isCancelled, compacted.compactRevision) = (true, 15)
        for response in [compacted, try self.response(9, cluster: 2), try self.response(3)] {
            var follower = self.listed(7)
            guard case .lost = follower.receive(response) else {
                Issue.record("\(response) was not taken for a loss")
                continue
            }
            #expect(follower.begin(on: 1) == .list)
        }
    }

    @Test("behind another connection the range is read anew, also when the watch alone came by it")
    func connections() {
        var follower = self.listed(7)
        #expect(follower.begin(on: 2) == .list)
        follower.listed(self.header(7))
        // The connection broke behind the list: nobody knows whether the list was that of the server that is watched.
        let isOpen = [follower.opened(on: 3), follower.opened(on: 3)]
        #expect(isOpen == [false, false])
        #expect(follower.begin(on: 3) == .list)
        follower.listed(self.header(9))
        let isOpenNow = follower.opened(on: 3)
        #expect(isOpenNow)
        #expect(follower.begin(on: 3) == .watch(from: 10))
    }

    @Test("a watch that the server refuses is told as such")
    func refusal() throws {
        var follower = self.listed(7)
        var response = try self.response(7)
        (response.isCreated, response.isCancelled, response.cancelReason) = (true, true, "permission denied")
        #expect(follower.receive(response) == .refused("permission denied"))
    }

    @Test("progress moves the point to go on from only where servers can be trusted with it")
    func progress() throws {
        for isTrusted in [true, false] {
            var follower = self.listed(7)
            follower.trustsProgress = isTrusted
            #expect(follower.receive(try self.response(100)) == .nothing)
            #expect(follower.begin(on: 1) == .watch(from: isTrusted ? 101 : 8))
        }
    }

    @Test(
        "versions that lose events",
        arguments: [
            ("3.4.23", true), ("3.4.30", true), ("3.4.31", false), ("3.5.0", true), ("3.5.12", true), ("3.5.13", false),
            ("3.6.0", false), ("3.7.3", false), ("3.6.0-rc.1", false), ("4.0.0", false), ("", true), ("rubbish", true),
        ]
    )
    func versions(_ version: String, _ loses: Bool) {
        #expect(EtcdVersion(version).losesEvents == loses)
    }
}

@Suite("Ranges of etcd")
struct EtcdRangeTests {
    @Test(
        "a prefix ends before the next text of its length",
        arguments: [
            ([0x61, 0x2F], [0x61, 0x2F], [0x61, 0x30]), ([0x61, 0xFF], [0x61, 0xFF], [0x62]),
            ([0xFF, 0xFF], [0xFF, 0xFF], [0]), ([], [0], [0]),
        ] as [([UInt8], [UInt8], [UInt8])]
    )
    func prefixes(_ prefix: [UInt8], _ key: [UInt8], _ end: [UInt8]) {
        let range = EtcdRange(prefix: prefix)
        #expect(range.key == key)
        #expect(range.end == end)
    }
}

@Suite("URLs of etcd")
struct EtcdURLTests {
    @Test("members with and without ports")
    func members() throws {
        let url = try EtcdURL("etcd://a:1,b, [::1]:3,[::2]/")
        #expect(url.servers.map(\.description) == ["a:1", "b:2379", "[::1]:3", "[::2]:2379"])
    }

    @Test("TLS and its files")
    func security() throws {
        #expect(try EtcdURL("etcd://a").servers[0].tls == nil)
        #expect(try EtcdURL("etcd+https://a").servers[0].tls == TLSConfiguration())
        let tls = try #require(try EtcdURL("etcd+https://a,b?ca=/c&cert=/d&key=%2Fe&server-name=f").servers[1].tls)
        #expect(tls.caFile == "/c")
        #expect(tls.clientCertificate == .init(certificateFile: "/d", keyFile: "/e"))
        #expect(tls.serverName == "f")
    }

    @Test("layouts and what stands before their keys")
    func layouts() throws {
        #expect(try EtcdURL("etcd://a").layout == nil)
        #expect(try EtcdURL("etcd://a?layout=goServiceLink").layout == .goServiceLink)
        #expect(try EtcdURL("etcd://a?layout=discox&prefix=%2Fx").layout == .discox(prefix: "/x"))
        #expect(try EtcdURL("etcd://a?prefix=y").prefix == "y")
        #expect(try EtcdURL("etcd://a?timeout=1500ms").configuration.timeout == .milliseconds(1500))
        let times = "connect-timeout=1s&keepalive=7s&keepalive-timeout=3s&watch-check=4s"
        let configuration = try EtcdURL("etcd://a?\(times)").configuration
        #expect(configuration.connectTimeout == .seconds(1) && configuration.keepAliveInterval == .seconds(7))
        #expect(configuration.keepAliveTimeout == .seconds(3) && configuration.watchCheckInterval == .seconds(4))
        #expect(configuration.timeout == .seconds(5))
        #expect(try EtcdBackend(url: "etcd://a?timeout=2s").configuration.timeout == .seconds(2))
    }

    @Test(
        "what is no such URL says why, and shows no password",
        arguments: [
            ("http://a", "begin with"), ("etcd://", "no host"), ("etcd://a:0", "no host"), ("etcd://a,,b", "no host"),
            ("etcd://a/x", "no host"), ("etcd://joe:geheim@a", "--token-file"), ("etcd://a?layout=x", "one of"),
            ("etcd://a?color=red", "color"),
            ("etcd://a?timeout=0s", "timeout"), ("etcd://a?timeout=soon", "timeout"), ("etcd://a?ca=x", "etcd+https"),
            ("etcd+https://a?cert=x", "belong together"), ("etcd://a?keepalive=1s", "5s"),
            ("etcd://a?connect-timeout=0s", "connect-timeout"),
        ]
    )
    func faults(_ url: String, _ reason: String) {
        let error = #expect(throws: BackendError.self) { try EtcdURL(url) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.message.contains("geheim") == false)
    }
}
