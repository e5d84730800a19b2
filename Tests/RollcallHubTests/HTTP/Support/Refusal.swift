import HTTPEngine
import Testing

/// What is asked, and how it must be refused.
struct Refusal: Sendable, CustomStringConvertible {
    let method: String
    let target: String
    var body = ""
    var headers: [String: String] = [:]
    var status = 400
    var code = "invalidArgument"
    let field: String?

    init(_ method: String, _ target: String, _ body: String = "", field: String?) {
        self.method = method
        self.target = target
        self.body = body
        self.field = field
    }

    var description: String { "\(self.method) \(self.target.prefix(80)) \(self.body.prefix(80))" }

    func check(at hub: Hub) async throws {
        let answer = try await hub.call(self.method, self.target, self.body, headers: self.headers)
        #expect(answer.status == self.status, "\(self): \(answer)")
        #expect(answer.code == self.code, "\(self): \(answer)")
        #expect(answer.field == self.field, "\(self): \(answer)")
        #expect(answer.head.fields.first("content-type") == "application/problem+json", "\(self)")
        #expect(answer.json["status"]?.number == answer.status)
    }
}
