import Rollcall
import RollcallProbes
import Testing

@Suite("ProbeConfiguration.Kind as a text")
struct ProbeKindTests {
    @Test(
        "a kind is read as it is written",
        arguments: [
            ("auto", .automatic), ("tcp", .tcp), ("none", .none),
            ("http:/health?deep=1", .http(path: "/health?deep=1")),
            ("http:/", .http(path: "/")), ("grpc", .grpc(service: "")), ("grpc:shop.Cart", .grpc(service: "shop.Cart")),
        ] as [(String, ProbeConfiguration.Kind)]
    )
    func texts(_ text: String, _ kind: ProbeConfiguration.Kind) throws {
        #expect(try ProbeConfiguration.Kind(text: text) == kind)
        #expect(kind.text == text)
    }

    @Test("http alone asks for /")
    func short() throws {
        #expect(try ProbeConfiguration.Kind(text: "http") == .http(path: "/"))
        #expect(try ProbeConfiguration.Kind(text: "grpc:") == .grpc(service: ""))
    }

    @Test(
        "what is no kind is refused",
        arguments: ["", "TCP", "tcp:80", "http:health", "http:/a b", "grpc:a\nb", "none:x", "ping", "http:/#a"]
    )
    func refused(_ text: String) {
        #expect(throws: ValidationError.self) { try ProbeConfiguration.Kind(text: text) }
    }
}
