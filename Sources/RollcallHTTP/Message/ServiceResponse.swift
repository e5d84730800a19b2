/// The response to a ``ServiceRequest``.
public struct ServiceResponse: Hashable, Sendable {
    /// The status, from 200 to 599.
    public let status: Int
    /// The header fields, but those that frame the message.
    public var fields: [MessageField]
    /// The body.
    public var body: [UInt8]

    /// Creates a response.
    ///
    /// - Parameters:
    ///   - status: From 200 to 599; for another number 500 is sent.
    ///   - fields: The header fields.
    ///   - body: The body; one of a status that has none (204, 304) is not sent.
    public init(status: Int, fields: [MessageField] = [], body: [UInt8] = []) {
        self.status = (200...599).contains(status) ? status : 500
        self.fields = fields
        self.body = body
    }

    /// Creates a response of plain text.
    ///
    /// - Parameters:
    ///   - text: The body, sent as UTF-8.
    ///   - status: From 200 to 599.
    public init(text: String, status: Int = 200) {
        let type = MessageField(unchecked: "Content-Type", "text/plain; charset=utf-8")
        self.init(status: status, fields: [type], body: Array(text.utf8))
    }

    /// Creates a response of JSON.
    ///
    /// - Parameters:
    ///   - json: The body.
    ///   - status: From 200 to 599.
    public init(json: [UInt8], status: Int = 200) {
        let type = MessageField(unchecked: "Content-Type", "application/json")
        self.init(status: status, fields: [type], body: json)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    public var text: String { String(decoding: self.body, as: UTF8.self) }

    /// Whether the status says that the request succeeded.
    public var isSuccess: Bool { (200..<300).contains(self.status) }
}
