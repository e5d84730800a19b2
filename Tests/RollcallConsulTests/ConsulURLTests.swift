import HTTPEngine
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("URLs of Consul")
struct ConsulURLTests {
    private func parse(_ text: String) throws -> ConsulURL {
        try ConsulURL(text, configuration: ConsulBackend.Configuration())
    }

    @Test(
        "what names agents",
        arguments: [
            ("consul://127.0.0.1:8500", ["127.0.0.1:8500"]), ("consul://a", ["a:8500"]), ("http://a:1/", ["a:1"]),
            ("consul://a,b:7,[::1],[::2]:9", ["a:8500", "b:7", "[::1]:8500", "[::2]:9"]),
            ("consul://a/dc1", ["a:8500"]), ("consul://u:p@a", ["a:8500"]), ("consul://u:p%40@a:1/?wait=1s", ["a:1"]),
            ("consul+https://a,b:7", ["a:8501", "b:7"]), ("https://a", ["a:8501"]),
        ]
    )
    func good(_ text: String, _ origins: [String]) throws {
        #expect(try self.parse(text).origins.map(\.description) == origins)
    }

    @Test(
        "what does not",
        arguments: [
            "", "consul:", "consul://", "consul://,a", "consul://a,", "consul://a:0", "consul://a:x", "hub://a",
            "consul://a/b/c", "consul://a#x", "consul://a?x=1", "consul://u@a", "consul://:p@a", "consul://a b",
            "consul://a?consistency=often", "consul://a?wait=5", "consul://a/d%20c", "consul+http://a",
            "consul://a?ca=/c",
            "consul+https://a?cert=/c", "consul+https://a?key=/k", "consul://a?server-name=b",
            "http://a?cert=/c&key=/k",
            "consul://a?wait=11m", "consul://a?timeout=0s", "consul://a?deregister-after=10s", "consul://a?prefix=a/",
            "consul://a?lock-delay=2m", "consul://a?prefix=", "consul://a?prefix=x.json", "consul://a?namespaces=no",
        ]
    )
    func bad(_ text: String) {
        let error = #expect(throws: BackendError.self) { try ConsulBackend(url: text) }
        #expect(error?.code == .invalidArgument && error?.backend == "consul")
    }

    @Test("TLS is what the URL says, else what the configuration or variables say")
    func security() throws {
        #expect(try self.parse("consul://a").origins.map(\.tls) == [nil])
        #expect(try self.parse("https://a,b").origins.map(\.tls) == [TLSConfiguration(), TLSConfiguration()])
        let identity = TLSConfiguration.ClientCertificate(certificateFile: "/c", keyFile: "/k")
        let tls = TLSConfiguration(caFile: "/a b", clientCertificate: identity, serverName: "n")
        let url = try self.parse("consul+https://a?ca=%2Fa%20b&cert=/c&key=/k&server-name=n")
        #expect(url.origins.map(\.tls) == [tls])
        var configuration = ConsulBackend.Configuration(environment: [
            "CONSUL_CACERT": "/x", "CONSUL_CLIENT_CERT": "/c", "CONSUL_CLIENT_KEY": "/k",
            "CONSUL_TLS_SERVER_NAME": "n",
        ])
        func origins(_ text: String) throws -> [TLSConfiguration?] {
            try ConsulURL(text, configuration: configuration).origins.map(\.tls)
        }
        #expect(try origins("consul+https://a?ca=/a%20b") == [tls])
        // Variables turn no plain URL into another; a configuration does.
        #expect(try origins("consul://a") == [nil])
        configuration.tls = TLSConfiguration(caFile: "/y")
        #expect(try origins("consul://a") == [TLSConfiguration(caFile: "/y")])
        #expect(try origins("consul+https://a") == [TLSConfiguration(caFile: "/y")])
        for (variable, missing) in [
            ("CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY"), ("CONSUL_CLIENT_KEY", "CONSUL_CLIENT_CERT"),
        ] {
            let half = ConsulBackend.Configuration(environment: [variable: "/c"])
            let error = #expect(throws: BackendError.self) {
                try ConsulURL("consul+https://a", configuration: half)
            }
            #expect(error?.message.contains(missing) == true)
            #expect(throws: Never.self) { try ConsulURL("consul://a", configuration: half) }
        }
    }

    @Test("what it says counts before the configuration")
    func settings() throws {
        let url = try self.parse(
            "consul://u:p%3Aw@a:1/dc2?partition=p&prefix=x/y&token-file=/t&consistency=stale&namespaces=enterprise"
                + "&timeout=2s&wait=1m&deregister-after=5m&session-ttl-min=1s&lock-delay=0s"
        )
        let configuration = url.configuration
        #expect(configuration.datacenter == "dc2" && configuration.partition == "p" && configuration.prefix == "x/y")
        #expect(configuration.credentials.user == "u" && configuration.credentials.password == "p:w")
        #expect(configuration.credentials.tokenFile == "/t" && configuration.consistency == .stale)
        #expect(configuration.namespaces == .enterprise && configuration.timeout == .seconds(2))
        #expect(configuration.wait == .seconds(60) && configuration.deregisterAfter == .seconds(300))
        #expect(configuration.minimumSessionTTL == .seconds(1) && configuration.lockDelay == .zero)
    }

    @Test("a secret is shown by no error and no description")
    func secrets() throws {
        for url in [
            "consul://ann:open-sesame@a:x", "consul://a?token=open-sesame", "consul://ann:open-sesame%@a",
            "consul://ann:open/sesame@a", "consul://a?token=sesame%zz",
        ] {
            let error = #expect(throws: BackendError.self) { try ConsulBackend(url: url) }
            #expect(error.map { "\($0)".contains("sesame") } == false, "\(String(describing: error))")
        }
        let credentials = ConsulBackend.Credentials(token: "open-sesame", user: "ann", password: "open-sesame")
        for text in [
            "\(credentials)", String(reflecting: credentials),
            String(describing: Mirror(reflecting: credentials).children.map { $0 }),
        ] {
            #expect(!text.contains("sesame"))
        }
        var configuration = ConsulBackend.Configuration()
        configuration.credentials = credentials
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("sesame"))
    }

    @Test("credentials come from the variables of Consul's own program")
    func environment() {
        let configuration = ConsulBackend.Configuration(environment: [
            "CONSUL_HTTP_TOKEN": "t", "CONSUL_HTTP_TOKEN_FILE": "", "CONSUL_HTTP_AUTH": "u:p:w",
            "CONSUL_PARTITION": "x",
        ])
        #expect(configuration.credentials.token == "t" && configuration.credentials.tokenFile == nil)
        #expect(configuration.credentials.user == "u" && configuration.credentials.password == "p:w")
        #expect(configuration.partition == "x")
    }

    @Test("datacenter, namespace and partition go with calls as Consul wants them")
    func targets() throws {
        let namespace = try Namespace("team x")
        let plain = try ConsulBackend(url: "consul://a", namespace: namespace).calls
        #expect(plain.target(ConsulCall(path: "/p", operation: "o")) == "/p")
        let url = "consul://a/dc1?namespaces=enterprise&partition=q"
        let backend = try ConsulBackend(url: url, namespace: namespace)
        let call = ConsulCall(path: "/p", operation: "o", query: [("recurse", ""), ("index", "7")])
        #expect(backend.calls.target(call) == "/p?dc=dc1&ns=team%20x&partition=q&recurse&index=7")
        for prefix in ["consul/east", "/consul/east", "%2Fconsul%2Feast%2F"] {
            let behind = try ConsulBackend(url: "consul://a?path-prefix=\(prefix)").calls
            #expect(behind.target(ConsulCall(path: "/p", operation: "o")) == "/consul/east/p")
        }
        let local = ConsulCall(path: "/p", operation: "o", place: .agent)
        #expect(backend.calls.target(local) == "/p?ns=team%20x&partition=q")
        #expect(backend.catalogName(try ServiceName("web")) == "web")
        #expect(backend.layout.rawID(of: try InstanceID("a"), in: try ServiceName("web")) == "web--a")
    }
}
