import Rollcall

/// How names of Rollcall stand in Consul's key-value store.
///
/// From 1.22 on Consul takes keys of letters, digits, `,`, `-`, `_`, `.` and `/` only, and none that looks like a path
/// upwards or ends like the name of a file. So a comma with two hexadecimal digits stands for every byte that may be
/// refused anywhere: `limits.json` is `limits,2Ejson`. A `.` that something follows which is more than an ending stands
/// for itself, and so does a `/` between two names.
enum ConsulKey {
    /// One segment of a key: no `/` in it stays one.
    static func segment(_ text: String) -> String {
        self.encode(Array(text.utf8), keepsSlashes: false)
    }

    /// A configuration key, whose slashes are kept where Consul keeps them.
    static func key(_ text: String) -> String {
        self.encode(Array(text.utf8), keepsSlashes: true)
    }

    /// The text that stands in a key, or `nil` when nothing of Rollcall stands so.
    static func text(_ encoded: some StringProtocol, keepsSlashes: Bool = true) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(encoded.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: ",") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard self.encode(bytes, keepsSlashes: keepsSlashes).utf8.elementsEqual(encoded.utf8) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// What all keys begin with whose texts begin with `prefix`: as much of it as stands for itself whatever follows.
    static func beginning(of prefix: String) -> String {
        let plain = prefix.utf8.prefix { $0.isPlainAlphanumeric || "-_/".utf8.contains($0) }
        var result = String(decoding: plain, as: UTF8.self)
        // Whether a slash stays one depends on what follows.
        while result.utf8.last == UInt8(ascii: "/") { result.removeLast() }
        guard !result.utf8.starts(with: "/".utf8), !result.contains("//") else { return "" }
        return result
    }

    private static func encode(_ bytes: [UInt8], keepsSlashes: Bool) -> String {
        var result = ""
        for (index, byte) in bytes.enumerated() {
            let isKept =
                switch byte {
                case UInt8(ascii: "-"), UInt8(ascii: "_"): true
                case UInt8(ascii: "/"): keepsSlashes && self.isBetweenNames(index, bytes)
                case UInt8(ascii: "."): self.isWithinName(index, bytes)
                default: byte.isPlainAlphanumeric
                }
            if isKept {
                result.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                result += Hexadecimal.escape(byte, behind: ",")
            }
        }
        return result
    }

    /// Whether neither side of a slash is empty.
    private static func isBetweenNames(_ index: Int, _ bytes: [UInt8]) -> Bool {
        index > 0 && index + 1 < bytes.count && bytes[index - 1] != UInt8(ascii: "/")
            && bytes[index + 1] != UInt8(ascii: "/")
    }

    /// Whether a dot stands between letters or digits, and another dot, a hyphen or a slash comes before the end.
    private static func isWithinName(_ index: Int, _ bytes: [UInt8]) -> Bool {
        guard index > 0, index + 1 < bytes.count, bytes[index - 1].isPlainAlphanumeric,
            bytes[index + 1].isPlainAlphanumeric
        else { return false }
        return bytes[(index + 1)...].contains { "-/".utf8.contains($0) }
    }
}
