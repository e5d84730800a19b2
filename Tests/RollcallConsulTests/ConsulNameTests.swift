import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Names in Consul")
struct ConsulNameTests {
    @Test(
        "usual names of services stand for themselves, others are escaped",
        arguments: [
            ("web", "web"), ("web2", "web2"), ("UserService", "UserService"), ("my-service_v1.2", "my-service_v1.2"),
            ("web/x", "web%2Fx"), ("web ", "web%20"), ("a--b", "a%2D%2Db"), ("-a-", "%2Da%2D"), (".", "%2E"),
            ("..", "%2E%2E"), ("../web", "..%2Fweb"), ("%77eb", "%2577eb"), ("wéb", "w%C3%A9b"),
        ]
    )
    func services(_ text: String, _ name: String) throws {
        let service = try ServiceName(text)
        #expect(ConsulName.service(service, in: .default) == name)
        #expect(ConsulName.service(service, in: nil) == name)
        #expect(ConsulName.service(service, in: try Namespace("shop")) == "shop--" + name)
        #expect(ConsulName.service(named: name, in: .default) == service)
        #expect(ConsulName.service(named: "shop--" + name, in: try Namespace("shop")) == service)
        #expect(ConsulName.service(named: "shop--" + name, in: .default) == nil)
        #expect(ConsulName.service(named: name, in: try Namespace("shop")) == nil)
    }

    @Test(
        "what nothing of Rollcall stands for is not listed",
        arguments: ["a--b", "a--b--c", "a b", "%zz", "%2", "a%2d", "", "--", "a--", "%61"]
    )
    func foreign(_ name: String) {
        #expect(ConsulName.service(named: name, in: .default) == nil)
    }

    @Test("no two instances have one id, whatever their names, and also not where case does not count")
    func ids() throws {
        let texts = [
            "a", "A", "b", "-", "--", "a-", "-a", "a--b", "a-b", "a/b", "a%2Fb", "%61", "é", "e\u{301}", "..", "~",
        ]
        var owners: [String: String] = [:]
        for namespace in ["default", "a", "A", "a--b"] {
            for service in texts {
                for id in texts {
                    let raw = ConsulName.id(
                        try ServiceName(service),
                        try InstanceID(id),
                        in: try Namespace(namespace)
                    )
                    let owner = "\(namespace) \(service) \(id)"
                    #expect(raw.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
                    #expect(owners.updateValue(owner, forKey: raw.lowercased()) == nil, "\(owner): \(raw)")
                }
            }
        }
        #expect(ConsulName.id(try ServiceName("web"), try InstanceID("pod-7f9"), in: .default) == "web--pod-7f9")
    }

    @Test(
        "keys are of what every Consul takes, and end like no file",
        arguments: [
            ("shop/limits", "shop/limits"), ("limits.json", "limits,2Ejson"), ("v1.2/limits", "v1.2/limits"),
            ("a//b", "a,2F,2Fb"), ("a/", "a,2F"), ("a,b", "a,2Cb"), ("../a", ",2E,2E/a"), ("%2F", ",252F"),
            ("a b", "a,20b"), ("é", ",C3,A9"), ("a?x#y", "a,3Fx,23y"), (".hidden", ",2Ehidden"), ("A", "A"),
        ]
    )
    func keys(_ text: String, _ encoded: String) {
        #expect(ConsulKey.key(text) == encoded)
        #expect(ConsulKey.text(encoded)?.utf8.elementsEqual(text.utf8) == true)
    }

    @Test(
        "what is no key of Rollcall is not taken for one",
        arguments: [",", ",2", ",zz", ",61", "a.json", "a//b", "/a", ",+1"]
    )
    func foreignKeys(_ encoded: String) {
        #expect(ConsulKey.text(encoded) == nil)
    }

    @Test("random keys come back, and begin with what their beginnings begin with", arguments: 0..<20)
    func random(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let alphabet = Array("ab-_./,%AZ é9".unicodeScalars)
        for _ in 0..<500 {
            var text = ""
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                text.unicodeScalars.append(alphabet[Int.random(in: alphabet.indices, using: &generator)])
            }
            let encoded = ConsulKey.key(text)
            #expect(ConsulKey.text(encoded) == text)
            #expect(!encoded.contains("//") && !encoded.contains("..") && encoded.first != "/" && encoded.last != "/")
            #expect(encoded.utf8.allSatisfy { $0.isPlainAlphanumeric || ",-_./".utf8.contains($0) })
            let segment = ConsulKey.segment(text)
            #expect(!segment.contains("/"))
            #expect(ConsulKey.text(segment, keepsSlashes: false) == text)
            let beginning = String(text.prefix(Int.random(in: 0...text.count, using: &generator)))
            #expect(encoded.hasPrefix(ConsulKey.beginning(of: beginning)), "\(beginning) of \(text)")
        }
    }
}
