import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many connections may be kept from check to check, counted over all endpoints.
final class ConnectionAllowance: Sendable {
    private let maximum: Int
    private let taken = Atomic<Int>(0)

    /// Creates an allowance.
    ///
    /// - Parameter maximum: The most connections; `nil` for half of the descriptors that the process may have.
    init(maximum: Int?) {
        self.maximum = maximum ?? Self.descriptorLimit / 2
    }

    /// How many are kept.
    var count: Int { self.taken.load(ordering: .relaxed) }

    /// Takes one if there is one left; ``giveBack()`` must follow.
    func take() -> Bool {
        if self.taken.wrappingAdd(1, ordering: .relaxed).newValue <= self.maximum { return true }
        self.giveBack()
        return false
    }

    /// Ends what ``take()`` began.
    func giveBack() {
        self.taken.wrappingSubtract(1, ordering: .relaxed)
    }

    private static var descriptorLimit: Int {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        // What every system grants, where it does not tell.
        guard getrlimit(resource, &limit) == 0 else { return 256 }
        return Int(clamping: limit.rlim_cur)
    }
}
