import HTTPEngine
import Rollcall

/// The text of a service's name, which is not checked yet.
struct ServiceText: Hashable, Sendable {
    /// The text.
    let text: String

    /// Compares bytes, as names do.
    static func == (lhs: Self, rhs: Self) -> Bool { lhs.text.utf8.elementsEqual(rhs.text.utf8) }
}

/// Where a target leads.
struct RouteMatch: Hashable {
    /// The service.
    let service: ServiceText
    /// How many bytes of the target the service does not see.
    let stripped: Int
}

/// Finds the service that a request's target names.
struct RouteTable: Sendable {
    private struct Entry: Sendable {
        let path: [UInt8]
        let service: ServiceText
        let keepsPath: Bool
    }

    private let entries: [Entry]
    private let firstSegment: GatewayConfiguration.FirstSegment

    /// Takes the routes of a configuration, the longest first.
    init(_ configuration: GatewayConfiguration) {
        self.entries = configuration.routes.sorted { $0.path.utf8.count > $1.path.utf8.count }.map {
            Entry(path: Array($0.path.utf8), service: ServiceText(text: $0.service.text), keepsPath: $0.keepsPath)
        }
        self.firstSegment = configuration.firstSegment
    }

    /// Finds the service.
    ///
    /// - Parameter target: The target as the client wrote it.
    /// - Returns: The service, and the target that it is to see.
    /// - Throws: A ``Problem`` with status 400 for a target that two readers could read in two ways, 404 for one that
    ///   leads nowhere.
    func match(_ target: String) throws(Problem) -> RouteMatch {
        let result: Result<RouteMatch, Problem>? = target.utf8.withContiguousStorageIfAvailable { bytes in
            do throws(Problem) {
                return .success(try self.match(bytes))
            } catch {
                return .failure(error)
            }
        }
        guard let result else { throw Self.malformed("the target cannot be read") }
        return try result.get()
    }

    private func match(_ target: UnsafeBufferPointer<UInt8>) throws(Problem) -> RouteMatch {
        guard target.first == UInt8(ascii: "/") else {
            throw Self.malformed("the target must be a path: this is no forward proxy")
        }
        let path = UnsafeBufferPointer(rebasing: target[..<(try Self.pathEnd(of: target))])
        for entry in self.entries where path.starts(with: entry.path) {
            guard path.count == entry.path.count || path[entry.path.count] == UInt8(ascii: "/") else { continue }
            return RouteMatch(service: entry.service, stripped: entry.keepsPath ? 0 : entry.path.count)
        }
        let segment = UnsafeBufferPointer(rebasing: path[1...].prefix { $0 != UInt8(ascii: "/") })
        guard self.firstSegment != .ignored else {
            throw Problem(status: 404, code: .notFound, "no route leads there")
        }
        guard !segment.isEmpty else {
            throw Problem(status: 404, code: .notFound, "the path names no service: its first segment would")
        }
        let service = try Self.service(segment)
        return RouteMatch(
            service: ServiceText(text: service),
            stripped: self.firstSegment == .kept ? 0 : segment.count + 1
        )
    }

    /// Where the query begins.
    ///
    /// - Throws: A ``Problem`` for a path that means another one to those who resolve `..`.
    private static func pathEnd(of target: UnsafeBufferPointer<UInt8>) throws(Problem) -> Int {
        var index = 0
        while index < target.count, target[index] != UInt8(ascii: "?") {
            // How many bytes a separator of segments has, if there is one; some readers take an encoded one for one.
            var separator = 0
            switch target[index] {
            case UInt8(ascii: "/"): separator = 1
            case UInt8(ascii: "%"): separator = self.isEncoded("/\\", target[index...]) ? 3 : 0
            case UInt8(ascii: "#"), UInt8(ascii: "\\"):
                throw self.malformed("the path has a character that no path has")
            default: break
            }
            guard separator == 0 || !self.isDotSegment(target[(index + separator)...]) else {
                throw self.malformed("a segment of the path is '.' or '..'")
            }
            index += 1
        }
        return index
    }

    /// Whether a path goes on with one of some characters in its encoded form.
    private static func isEncoded(_ characters: StaticString, _ rest: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard rest.first == UInt8(ascii: "%"), rest.count >= 3,
            let byte = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
        else { return false }
        return characters.withUTF8Buffer { $0.contains(byte) }
    }

    /// Whether a path goes on with `.` or `..` as its next segment, perhaps encoded, perhaps with parameters.
    private static func isDotSegment(_ rest: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var rest = rest
        var dots = 0
        while dots < 3 {
            if rest.first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
            } else if rest.count >= 3, rest.first == UInt8(ascii: "%"), rest[rest.startIndex + 1] == UInt8(ascii: "2"),
                rest[rest.startIndex + 2] | 0x20 == UInt8(ascii: "e")
            {
                rest = rest.dropFirst(3)
            } else {
                break
            }
            dots += 1
        }
        guard dots == 1 || dots == 2 else { return false }
        guard let next = rest.first else { return true }
        return "/?;\\".utf8.contains(next) || self.isEncoded("/\\;\0", rest)
    }

    private static func service(_ segment: UnsafeBufferPointer<UInt8>) throws(Problem) -> String {
        let text = String(decoding: segment, as: UTF8.self)
        guard segment.contains(UInt8(ascii: "%")) else { return text }
        do throws(ValidationError) {
            let name = try PercentEncoding.decode(text[...], field: "path")
            guard !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) else {
                throw ValidationError(field: "path", message: "the first segment has an encoded '/' or '\\'")
            }
            return name
        } catch {
            throw Problem(error)
        }
    }

    private static func malformed(_ detail: String) -> Problem {
        Problem(status: 400, code: .invalidArgument, detail, field: "target")
    }
}
