import HTTPEngine

@testable import RollcallHub

/// The hub's OpenAPI document, as far as tests hold answers against it.
struct APIDescription: Sendable {
    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    let root: JSONTree

    /// The document that is built in.
    static let builtIn = Result {
        APIDescription(root: try YAMLReader.read(String(decoding: PackageResources.openapi_yaml, as: UTF8.self)))
    }

    /// Every path with its methods, in upper case.
    var operations: [String: Set<String>] {
        (self.root["paths"]?.members ?? [:]).mapValues { path in
            Set(path.members.keys.filter { $0 != "parameters" }.map { $0.uppercased() })
        }
    }

    /// The path of the document that a request's path fits.
    func template(of path: some StringProtocol) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return self.operations.keys.first { template in
            let names = template.split(separator: "/", omittingEmptySubsequences: false)
            return names.count == parts.count
                && zip(names, parts).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
        }
    }

    func operation(_ method: String, _ template: String) -> JSONTree? {
        self.root["paths"]?[template]?[method == "HEAD" ? "get" : method.lowercased()]
    }

    /// The parameters of an operation, those of its path among them.
    func parameters(_ method: String, _ template: String) throws -> [JSONTree] {
        let own = self.operation(method, template)?["parameters"]?.list ?? []
        let shared = self.root["paths"]?[template]?["parameters"]?.list ?? []
        return try (own + shared).map(self.resolved)
    }

    /// Follows a reference.
    func resolved(_ tree: JSONTree) throws -> JSONTree {
        guard let reference = tree["$ref"]?.text else { return tree }
        var place = self.root
        for name in reference.split(separator: "/").dropFirst() {
            guard let next = place[String(name)] else { throw Mismatch(description: "there is no \(reference)") }
            place = next
        }
        return try self.resolved(place)
    }

    /// Checks an answer against what the document says of the operation; other paths and methods have none.
    func check(_ method: String, _ path: some StringProtocol, status: Int, head: ResponseHead, body: [UInt8]) throws {
        guard let template = self.template(of: path), let operation = self.operation(method, template) else { return }
        let place = "\(method) \(template) \(status)"
        guard let declared = operation["responses"]?["\(status)"] ?? operation["responses"]?["default"] else {
            throw Mismatch(description: "\(place): not in the document")
        }
        let response = try self.resolved(declared)
        for (name, header) in response["headers"]?.members ?? [:] {
            try self.check(header: name, try self.resolved(header), head, place)
        }
        guard method != "HEAD", status != 304 else {
            guard body.isEmpty else { throw Mismatch(description: "\(place): there is a body") }
            return
        }
        guard let content = response["content"] else {
            guard body.isEmpty else { throw Mismatch(description: "\(place): there is a body") }
            return
        }
        let type = String(head.fields.first("content-type")?.prefix { $0 != ";" } ?? "")
        // A content is what somebody wrote.
        guard content["*/*"] == nil || type == "application/problem+json" else { return }
        guard let media = content[type] else {
            throw Mismatch(description: "\(place): '\(type)' is not in the document")
        }
        guard type.hasSuffix("json"), let schema = media["schema"] else { return }
        try SchemaChecker(description: self).check(try JSONTree(json: body), schema, at: place)
    }

    /// Checks the data of an event.
    func check(event name: String, data: [UInt8]) throws {
        let streams = ["Events", "ConfigStream"].compactMap { self.root["components"]?["responses"]?[$0] }
        let events = streams.compactMap { $0["content"]?["text/event-stream"]?["x-events"]?[name] }
        guard let schema = events.first else {
            throw Mismatch(description: "the event '\(name)' is not in the document")
        }
        try SchemaChecker(description: self).check(try JSONTree(json: data), schema, at: "event \(name)")
    }

    private func check(header name: String, _ header: JSONTree, _ head: ResponseHead, _ place: String) throws {
        let index = (0..<head.fields.count).first { head.fields.name(at: $0).lowercased() == name.lowercased() }
        guard let index else {
            guard header["required"] != .boolean(true) else {
                throw Mismatch(description: "\(place): the header \(name) is missing")
            }
            return
        }
        let value = JSONTree.text(head.fields.value(at: index))
        try SchemaChecker(description: self).check(value, header["schema"] ?? .null, at: "\(place) header \(name)")
    }
}
