import HTTPEngine
import Rollcall

/// What the path behind `/v1/config/` names: a key, perhaps with an operation on it.
///
/// A key that ends like an operation is sent with its last `/` as `%2F`.
struct ConfigRoute {
    /// What is asked of the key.
    enum Operation {
        case entry
        case history
        case version(Int64)
        case rollback
        case candidate
        case promotion
        case readers
    }

    let key: ConfigKey
    let operation: Operation

    /// Reads the rest of a path.
    ///
    /// - Parameter rest: What is behind `/v1/config/`.
    /// - Throws: A ``ValidationError`` for a key that is none, or a bad escape.
    init(_ rest: Substring) throws(ValidationError) {
        let (key, operation) = Self.split(rest)
        self.key = try ConfigKey(PercentEncoding.decode(key, field: "key"))
        self.operation = operation
    }

    /// The methods that it has.
    var methods: [String] {
        switch self.operation {
        case .entry, .candidate: ["GET", "HEAD", "PUT", "DELETE"]
        case .history, .version, .readers: ["GET", "HEAD"]
        case .rollback, .promotion: ["POST"]
        }
    }

    private static func split(_ rest: Substring) -> (Substring, Operation) {
        let endings: [(String, Operation)] = [
            ("/history", .history), ("/rollback", .rollback), ("/candidate/promote", .promotion),
            ("/candidate", .candidate), ("/readers", .readers),
        ]
        for (ending, operation) in endings where rest.hasSuffix(ending) && rest.utf8.count > ending.utf8.count {
            return (rest.dropLast(ending.count), operation)
        }
        // `KEY/history/VERSION`.
        guard let slash = rest.lastIndex(of: "/"), let version = Int64(rest[rest.index(after: slash)...]),
            rest[..<slash].hasSuffix("/history")
        else { return (rest, .entry) }
        return (rest[..<slash].dropLast("/history".count), .version(version))
    }
}
