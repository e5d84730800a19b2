import HTTPEngine
import Rollcall
import Synchronization

/// A number of places, each held by at most one at a time.
final class Places: Sendable {
    /// The right to one place, until its last owner lets go of it.
    final class Place: Sendable {
        private let places: Places

        fileprivate init(of places: Places) {
            self.places = places
        }

        deinit {
            self.places.taken.wrappingSubtract(1, ordering: .relaxed)
        }
    }

    private let taken = Atomic(0)
    private let limit: Int
    /// What those do who have a place, for the others.
    private let use: String

    init(_ limit: Int, _ use: String) {
        self.limit = limit
        self.use = use
    }

    /// How many places are taken now.
    var count: Int { self.taken.load(ordering: .relaxed) }

    /// Takes a place.
    ///
    /// - Throws: A ``Problem`` with status 503 when none is left.
    func take() throws(Problem) -> Place {
        guard self.taken.wrappingAdd(1, ordering: .relaxed).oldValue < self.limit else {
            self.taken.wrappingSubtract(1, ordering: .relaxed)
            throw Problem(
                status: 503,
                code: .unavailable,
                "\(self.limit) readers \(self.use) already",
                headers: [Problem.Header("Retry-After", "1")]
            )
        }
        return Place(of: self)
    }
}
