/// A version of etcd, such as `3.4.23`.
struct EtcdVersion: Hashable, Sendable {
    private let numbers: [Int]

    /// Reads a version; what is behind the numbers, such as `-rc.1`, does not count.
    init(_ text: String) {
        let release = text.prefix { $0.isNumber || $0 == "." }
        self.numbers = release.split(separator: ".").map { Int($0) ?? 0 }
    }

    /// Whether watches may miss events while the history is compacted (`CHANGELOG-3.4.md`, `CHANGELOG-3.5.md`).
    var losesEvents: Bool {
        guard self.numbers.count >= 3 else { return true }
        let mended = self.numbers.starts(with: [3, 5]) ? [3, 5, 13] : [3, 4, 31]
        return self.numbers.lexicographicallyPrecedes(mended)
    }
}
