import CAllocations

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One figure, in the shape of `.build/bench.json`.
public struct Figure: Sendable {
    /// Its name, such as `pick.random.10.ns`.
    public let name: String
    /// What was measured.
    public let value: Double
    /// What it is measured in.
    public let unit: String
    /// What does the same by other means, and its figure in the same run.
    public var peer: (name: String, value: Double)?

    /// Creates a figure.
    public init(_ name: String, _ value: Double, _ unit: String, peer: (name: String, value: Double)? = nil) {
        self.name = name
        self.value = (value * 10).rounded() / 10
        self.unit = unit
        self.peer = peer.map { ($0.name, ($0.value * 10).rounded() / 10) }
    }

    /// The figure as one JSON object.
    public func json(suite: String) -> String {
        let ratio = self.peer.flatMap { $0.value > 0 ? (self.value / $0.value * 1000).rounded() / 1000 : nil }
        return #"{"suite":"\#(suite)","name":"\#(self.name)","value":\#(self.value),"unit":"\#(self.unit)","#
            + #""peer":\#(self.peer.map { "\"\($0.name)\"" } ?? "null"),"#
            + #""peerValue":\#(self.peer.map { "\($0.value)" } ?? "null"),"ratio":\#(ratio.map { "\($0)" } ?? "null")}"#
    }

    /// The figure as a line of a table.
    public var line: String {
        let padding = String(repeating: " ", count: max(1, 44 - self.name.count))
        let peer = self.peer.map { "   \($0.name): \($0.value)" } ?? ""
        return "\(self.name)\(padding)\(self.value) \(self.unit)\(peer)"
    }
}

/// Measures.
public enum Measure {
    /// The CPU time of the process for each of `count` operations, the best of `runs`, in nanoseconds.
    public static func cpu(count: Int, runs: Int = 7, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<runs {
            let start = Self.nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
            try body()
            best = min(best, (Self.nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start) / Double(count))
        }
        return best
    }

    /// The time that passes, in nanoseconds.
    public static func wall(_ body: () async throws -> Void) async rethrows -> Double {
        let start = Self.nanoseconds(CLOCK_MONOTONIC)
        try await body()
        return Self.nanoseconds(CLOCK_MONOTONIC) - start
    }

    /// How often `body` asks for memory; `nil` where that cannot be counted.
    public static func allocations(_ body: () throws -> Void) rethrows -> Double? {
        let before = allocations_()
        try body()
        return before < 0 ? nil : Double(allocations_() - before)
    }

    private static func allocations_() -> Int { CAllocations.allocations() }

    private static func nanoseconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
