public import Rollcall

/// What a ``ServiceRunner`` needs of a server, whatever it is built on.
///
/// The runner calls ``listen()`` once, then ``serve()`` once, and ``stop(within:)`` at most once while `serve()` runs.
/// A server that is a loop over something else than connections returns the endpoints at which that is reached.
public protocol ServiceServer: Sendable {
    /// Binds the port and listens; clients may connect from here on, and wait until ``serve()``.
    ///
    /// - Returns: Where callers reach the server: addresses as others see them, at least one.
    /// - Throws: Why it cannot, such as a port that is in use.
    func listen() async throws -> [Endpoint]

    /// Serves until ``stop(within:)``, and then returns; ends at once when its task is cancelled.
    ///
    /// - Throws: Why it cannot go on.
    func serve() async throws

    /// Takes nothing new, lets what is under way end, and makes ``serve()`` return.
    ///
    /// - Parameter limit: How long that may take; then it is cut short.
    /// - Throws: What went wrong; the server must have ended all the same.
    func stop(within limit: Duration) async throws
}
