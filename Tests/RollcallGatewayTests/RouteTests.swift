import HTTPEngine
import Rollcall
import Testing

@testable import RollcallGateway

@Suite("Routes")
struct RouteTests {
    private static func table(
        _ routes: [GatewayConfiguration.Route] = [],
        _ firstSegment: GatewayConfiguration.FirstSegment = .stripped
    ) -> RouteTable {
        var configuration = GatewayConfiguration()
        configuration.routes = routes
        configuration.firstSegment = firstSegment
        return RouteTable(configuration)
    }

    @Test(
        "the first segment names the service, and is left out",
        arguments: [
            ("/web", "web", "/"), ("/web/", "web", "/"), ("/web?a=1", "web", "/?a=1"),
            ("/web/a/b?c=/../d", "web", "/a/b?c=/../d"),
            ("/web//a", "web", "//a"), ("/w%65b/a", "web", "/a"), ("/caf%C3%A9/a", "café", "/a"),
            ("/web/...", "web", "/..."), ("/web/.well-known/x", "web", "/.well-known/x"),
            ("/web/a%2Fb", "web", "/a%2Fb"), ("/web/a%2F..b%2f...", "web", "/a%2F..b%2f..."),
            ("/web/a%20..", "web", "/a%20.."),
            ("/web/..a", "web", "/..a"), ("/.web/a", ".web", "/a"),
        ]
    )
    func firstSegment(_ target: String, _ service: String, _ rest: String) throws {
        let match = try Self.table().match(target)
        #expect(match.service.text == service)
        let seen = String(decoding: target.utf8.dropFirst(match.stripped), as: UTF8.self)
        #expect((seen.hasPrefix("/") ? seen : "/" + seen) == rest)
    }

    @Test("the first segment is kept, or ignored")
    func otherFirstSegments() throws {
        #expect(try Self.table([], .kept).match("/web/a").stripped == 0)
        #expect(throws: Problem.self) { try Self.table([], .ignored).match("/web/a") }
    }

    @Test("routes cover whole segments, the longest first")
    func routes() throws {
        let shop = try ServiceName("shop")
        let cart = try ServiceName("cart")
        let table = Self.table([.init("/api", to: shop), .init("/api/cart", to: cart, keepsPath: true)])
        #expect(try table.match("/api").service.text == "shop")
        #expect(try table.match("/api/x").stripped == 4)
        #expect(try table.match("/api/cart?x").service.text == "cart")
        #expect(try table.match("/api/cart/1").stripped == 0)
        #expect(try table.match("/api/carts").service.text == "shop")
        #expect(try table.match("/apis").service.text == "apis")
    }

    @Test(
        "what two readers could read in two ways is refused",
        arguments: [
            "http://a/web", "//a/../web", "/..", "/../web", "/web/..", "/web/../x", "/web/./x", "/%2e%2e/web",
            "/%2E/web",
            "/web/.%2e/x", "/web/%2e%2e%2fx", "/web/..%2fx", "/web/..%5Cx", "/web/..;/x", "/web/..\\x", "/web%2fx/y",
            "/web%5cx", "/web/a%2f..%2fadmin", "/web/a%2F..", "/web/a%5c%2E%2e/x", "/web/a%2f.?x", "/web\\x", "/web#x",
            "/web%", "/web%zz", "/%ff", "*", "host:80", "web",
        ]
    )
    func refused(_ target: String) {
        #expect { try Self.table().match(target) } throws: { ($0 as? Problem)?.status == 400 }
    }

    @Test("a path without a first segment leads nowhere", arguments: ["/", "/?x", "//web"])
    func nowhere(_ target: String) {
        #expect { try Self.table().match(target) } throws: { ($0 as? Problem)?.status == 404 }
    }

    @Test(
        "a configuration that makes no sense is refused",
        arguments: ["shop", "/", "/shop/", "/a//b", "/a/../b", "/a?b"]
    )
    func configuration(_ path: String) throws {
        var configuration = GatewayConfiguration()
        configuration.routes = [.init(path, to: try ServiceName("web"))]
        #expect(throws: ValidationError.self) { try configuration.check() }
    }
}
