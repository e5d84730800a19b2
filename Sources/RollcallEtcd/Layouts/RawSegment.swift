import HTTPEngine
import Rollcall

/// A name as one segment of a key that other programs read and write: as it is, but for what would end the segment.
enum RawSegment {
    static func encode(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "%") }) else { return text }
        return text.replacing("%", with: "%25").replacing("/", with: "%2F")
    }

    /// What a segment stands for; one of another program with a `%` of its own stands for itself.
    static func decode(_ segment: Substring) -> String {
        guard segment.utf8.contains(UInt8(ascii: "%")) else { return String(segment) }
        return (try? PercentEncoding.decode(segment, field: "")) ?? String(segment)
    }
}

/// Where keys stand that are `<root><service>/<id>`.
struct SegmentedKeys: Sendable {
    let root: String

    func prefix(of service: ServiceName) -> String { "\(self.root)\(RawSegment.encode(service.text))/" }

    func key(of id: InstanceID, in service: ServiceName) -> String {
        self.prefix(of: service) + RawSegment.encode(id.text)
    }

    func names(in key: String) -> (service: ServiceName, id: InstanceID)? {
        guard key.hasPrefix(self.root) else { return nil }
        let parts = key.dropFirst(self.root.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let service = try? ServiceName(RawSegment.decode(parts[0])),
            let id = try? InstanceID(RawSegment.decode(parts[1]))
        else { return nil }
        return (service, id)
    }
}

/// `/<prefix>/`, or `/` for none; a prefix without a slash before it stays without.
func root(of prefix: String) -> String {
    prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
}
