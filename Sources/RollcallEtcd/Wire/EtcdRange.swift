import Rollcall

/// A key of etcd or a range of them, as bytes.
struct EtcdRange: Hashable, Sendable {
    /// Where it begins.
    let key: [UInt8]
    /// Before which it ends; empty for the key alone.
    let end: [UInt8]

    /// A key alone.
    init(key: [UInt8]) {
        self.key = key
        self.end = []
    }

    /// All keys that begin with a text; it should end in a separator.
    init(prefix: [UInt8]) {
        let head = prefix.reversed().drop { $0 == 0xFF }.reversed() as [UInt8]
        self.key = prefix.isEmpty ? [0] : prefix
        // Without any byte that could be one more, the end is that of all keys.
        self.end = head.isEmpty ? [0] : head.dropLast() + [head[head.count - 1] + 1]
    }

    /// All keys from one on, before another.
    init(from key: [UInt8], to end: [UInt8]) {
        self.key = key
        self.end = end
    }
}
