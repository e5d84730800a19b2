#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One figure, in the shape of `.build/bench.json`.
struct Measurement {
    let name: String
    let value: Double
    let unit: String

    /// The figure as one JSON object; there is no peer to these.
    var json: String {
        #"{"suite":"core","name":"\#(self.name)","value":\#(self.value),"unit":"\#(self.unit)","#
            + #""peer":null,"peerValue":null,"ratio":null}"#
    }

    /// The CPU time of `body` for each of `count` operations, the best of five runs, in nanoseconds.
    static func cpu(_ name: String, count: Int, _ body: () throws -> Void) rethrows -> Measurement {
        var best = Double.infinity
        for _ in 0..<5 {
            let start = Self.cpuNanoseconds
            try body()
            best = min(best, (Self.cpuNanoseconds - start) / Double(count))
        }
        return Measurement(name: name, value: (best * 10).rounded() / 10, unit: "ns")
    }

    private static var cpuNanoseconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
