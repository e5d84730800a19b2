import Rollcall
import Synchronization

/// Finds the addresses of names by the system's resolver, which blocks a thread for as long as it likes.
///
/// Whoever asks waits no longer than he wants to. Those who ask for the same name at once share one thread, and there
/// are not more threads than a limit, however many names nobody answers for.
final class Resolver: Sendable {
    private final class Lookup: Sendable {
        let done = Signal()
        let addresses = Mutex<[SocketAddress]>([])
    }

    /// The one of the process.
    static let shared = Resolver { Resolver.ask($0, $1) }

    /// What its deadlines are measured by.
    let clock: TimeSource
    private let maximumLookups: Int
    private let ask: @Sendable (String, Int) -> [SocketAddress]
    private let lookups = Mutex<[Origin: Lookup]>([:])

    /// Creates a resolver.
    ///
    /// - Parameters:
    ///   - maximumLookups: The most names that are looked up at once.
    ///   - clock: What its deadlines are measured by.
    ///   - ask: Finds the addresses of a host with a port; it may block.
    init(
        maximumLookups: Int = 64,
        clock: TimeSource = TimeSource(),
        ask: @escaping @Sendable (String, Int) -> [SocketAddress]
    ) {
        self.maximumLookups = maximumLookups
        self.clock = clock
        self.ask = ask
    }

    /// The numeric addresses of an origin.
    ///
    /// - Parameters:
    ///   - origin: The origin.
    ///   - deadline: When to give up.
    /// - Returns: The addresses; none for a name that nobody knows.
    /// - Throws: `timeout`; `closed` in a cancelled task; `refused` when too many names are looked up at once, or when
    ///   the system has no thread.
    func addresses(of origin: Origin, until deadline: TimeSource.Instant) async throws(ConnectionError)
        -> [SocketAddress]
    {
        if let address = SocketAddress(host: origin.host, port: origin.port) { return [address] }
        let lookup = try self.lookup(of: origin)
        let clock = self.clock
        await race {
            await lookup.done.wait()
        } _: {
            try? await clock.sleep(until: deadline, tolerance: nil)
        }
        if lookup.done.isRaised { return lookup.addresses.withLock { $0 } }
        guard !Task.isCancelled else { throw ConnectionError(.closed, "the task was cancelled") }
        throw ConnectionError(.timeout, "\(origin): the name was not resolved in time")
    }

    /// Joins the look-up of a name that is under way, or begins one.
    private func lookup(of origin: Origin) throws(ConnectionError) -> Lookup {
        let started: Result<Lookup, ConnectionError> = self.lookups.withLock { lookups in
            if let lookup = lookups[origin] { return .success(lookup) }
            guard lookups.count < self.maximumLookups else {
                return .failure(ConnectionError(.refused, "\(origin): too many names are looked up at once"))
            }
            let lookup = Lookup()
            do throws(SystemError) {
                try SystemThread.start { self.run(lookup, of: origin) }
            } catch {
                return .failure(ConnectionError(.refused, error.description))
            }
            lookups[origin] = lookup
            return .success(lookup)
        }
        return try started.get()
    }

    private func run(_ lookup: Lookup, of origin: Origin) {
        let addresses = self.ask(origin.host, origin.port)
        lookup.addresses.withLock { $0 = addresses }
        // Taken out first, so that whoever asks after the answer was there asks anew.
        self.lookups.withLock { _ = $0.removeValue(forKey: origin) }
        lookup.done.raise()
    }

    private static func ask(_ host: String, _ port: Int) -> [SocketAddress] {
        guard case .addresses(let addresses) = Resolution.of(Origin(host: host, port: port)) else { return [] }
        return addresses
    }
}
