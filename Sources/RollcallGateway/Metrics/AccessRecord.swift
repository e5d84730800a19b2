/// What one request was and how it ended.
public struct AccessRecord: Sendable {
    /// The client's address.
    public let client: String
    /// The method; empty for what was refused before it was a request.
    public let method: String
    /// The target as the client wrote it, with the query: that may hold what is nobody's business.
    ///
    /// It is empty for what was refused before it was a request.
    public let target: String
    /// The status of the answer; 0 when the client left before there was one.
    public let status: Int
    /// The service, as far as the request named one.
    public let service: String?
    /// The id of the instance that answered, or that was tried last.
    public let instance: String?
    /// How many instances were tried.
    public let attempts: Int
    /// How many bytes of the answer's body were forwarded.
    public let bytes: Int
    /// How long it took until all of the answer was handed to the system; zero for what was no request.
    public let duration: Duration
}
