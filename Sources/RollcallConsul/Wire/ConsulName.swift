import HTTPEngine
import Rollcall

/// How names of Rollcall stand in Consul's catalog.
///
/// Letters, digits, `-`, `_`, `.` and `~` stand for themselves, so that other programs find `web` under `web`. Everything
/// else is percent-encoded, and so is a `-` that stands beside another or at an end: `--` separates parts.
///
/// Consul compares the ids of one node without regard to case, so that `A` and `a` would be one record there: in ids
/// capital letters are encoded, too.
enum ConsulName {
    private static let separator = "--"

    /// The name of a service in the catalog.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - namespace: Its namespace; `nil` where Consul itself keeps namespaces apart.
    /// - Returns: The service alone in the default namespace, else the namespace in front of it.
    static func service(_ service: ServiceName, in namespace: Namespace?) -> String {
        let name = self.encode(service.text)
        guard let namespace, namespace != .default else { return name }
        return self.encode(namespace.text) + self.separator + name
    }

    /// The service that a name of the catalog stands for; `nil` for one of another namespace, or of another program
    /// whose name nothing of Rollcall can stand for.
    static func service(named name: String, in namespace: Namespace?) -> ServiceName? {
        let parts = name.split(separator: self.separator, omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last,
            let text = try? PercentEncoding.decode(last, field: "service"),
            let service = try? ServiceName(text)
        else { return nil }
        // Only what is found under that name again is listed.
        return self.service(service, in: namespace) == name ? service : nil
    }

    /// The id of an instance on its agent, which is one for all services and namespaces of it.
    static func id(_ service: ServiceName, _ id: InstanceID, in namespace: Namespace?) -> String {
        var parts = [service.text, id.text]
        if let namespace, namespace != .default { parts.insert(namespace.text, at: 0) }
        return parts.map { self.encode($0, keepsCase: false) }.joined(separator: self.separator)
    }

    private static func encode(_ text: String, keepsCase: Bool = true) -> String {
        // A path of one or two dots alone means another one.
        if text == "." || text == ".." { return text == "." ? "%2E" : "%2E%2E" }
        let bytes = Array(text.utf8)
        let hyphen = UInt8(ascii: "-")
        var result = ""
        for (index, byte) in bytes.enumerated() {
            let isAlone =
                index > 0 && index + 1 < bytes.count && bytes[index - 1] != hyphen && bytes[index + 1] != hyphen
            let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            if byte == hyphen && !isAlone || isCapital && !keepsCase || !byte.isPlainInName {
                result += Hexadecimal.escape(byte, behind: "%")
            } else {
                result.unicodeScalars.append(UnicodeScalar(byte))
            }
        }
        return result
    }
}

/// Escapes of single bytes.
enum Hexadecimal {
    private static let digits = Array("0123456789ABCDEF".unicodeScalars)

    static func escape(_ byte: UInt8, behind mark: String) -> String {
        var result = mark
        result.unicodeScalars.append(self.digits[Int(byte >> 4)])
        result.unicodeScalars.append(self.digits[Int(byte & 15)])
        return result
    }
}

extension UInt8 {
    /// Whether it is a letter or digit of ASCII.
    var isPlainAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    fileprivate var isPlainInName: Bool {
        self.isPlainAlphanumeric || "-_.~".utf8.contains(self)
    }
}
