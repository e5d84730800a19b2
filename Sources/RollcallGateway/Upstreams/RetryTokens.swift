import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What is left of a budget for retries: requests add to it, retries take from it, and it fades over ten seconds.
///
/// Only retries look at it, so that it costs nothing while all is well.
final class RetryTokens: Sendable {
    private struct State {
        var balance: Double
        var requests = 0
        var moment: TimeSource.Instant
    }

    private static let window = 10.0
    private let budget: GatewayConfiguration.RetryBudget
    private let state: Mutex<State>

    /// Creates a full budget, before any request.
    init(_ budget: GatewayConfiguration.RetryBudget, now: TimeSource.Instant) {
        self.budget = budget
        self.state = Mutex(State(balance: budget.perSecond * Self.window, moment: now))
    }

    /// Takes what one retry costs.
    ///
    /// - Parameters:
    ///   - requests: The number of all requests so far.
    ///   - now: The present moment.
    /// - Returns: Whether that was there.
    func take(requests: Int, at now: TimeSource.Instant) -> Bool {
        self.state.withLock { state in
            let elapsed = max(0, state.moment.duration(to: now) / .seconds(1))
            let fading = exp(-elapsed / Self.window)
            // What fades, and what came in meanwhile, as if evenly spread: of that, too, most has faded by now.
            let remainder = elapsed > 0 ? Self.window / elapsed * (1 - fading) : 1
            state.balance *= fading
            state.balance += self.budget.perSecond * Self.window * (1 - fading)
            state.balance += Double(max(0, requests - state.requests)) * self.budget.share * remainder
            state.requests = max(requests, state.requests)
            state.moment = now
            guard state.balance >= 1 else { return false }
            state.balance -= 1
            return true
        }
    }
}
