import HTTPEngine
import Rollcall

/// What a path of the hub's API names.
enum HubRoute {
    case console
    case live
    case ready
    case status
    case metrics
    case description
    case services
    case service(ServiceName)
    case checks(ServiceName)
    case instance(ServiceName, InstanceID)
    case lease(ServiceName, InstanceID)
    case leases
    case watch
    case tutorial
    case configs
    case config(ConfigRoute)
    case configWatch
    case configBatch
    case configReaders
    case lock(LockName)
    case backup

    /// Reads a path, whose names are percent-encoded.
    ///
    /// - Returns: What it names, or `nil` when there is no such thing.
    /// - Throws: A ``ValidationError`` for a name that is none, or a bad escape.
    init?(_ path: Substring) throws(ValidationError) {
        if path.utf8.starts(with: Self.configPrefix.utf8) {
            self = .config(try ConfigRoute(path.dropFirst(Self.configPrefix.count)))
            return
        }
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Substring.init)
        guard parts.count >= 2, parts[0].isEmpty else { return nil }
        switch parts.count {
        case 2:
            guard let route = Self.top(parts[1]) else { return nil }
            self = route
        case 3 where parts[1] == "v1":
            guard let route = Self.first(parts[2]) else { return nil }
            self = route
        case 4 where parts[1] == "v1" && parts[2] == "leases" && parts[3] == "renew":
            self = .leases
        case 4 where parts[1] == "v1" && parts[2] == "locks":
            self = .lock(try LockName(PercentEncoding.decode(parts[3], field: "lock")))
        case 4 where parts[1] == "v1" && parts[2] == "services":
            self = .service(try Self.service(parts[3]))
        case 5 where parts[1] == "v1" && parts[2] == "services" && parts[4] == "checks":
            self = .checks(try Self.service(parts[3]))
        case 6 where parts[1] == "v1" && parts[2] == "services" && parts[4] == "instances":
            self = .instance(try Self.service(parts[3]), try Self.id(parts[5]))
        case 7 where parts[1] == "v1" && parts[2] == "services" && parts[4] == "instances" && parts[6] == "lease":
            self = .lease(try Self.service(parts[3]), try Self.id(parts[5]))
        default: return nil
        }
    }

    private static let configPrefix = "/v1/config/"

    /// Reads what a request is about.
    ///
    /// - Throws: A ``ValidationError`` for a name that is none; a ``Problem`` for a path that is none, or a method that it
    ///   does not have.
    init(of head: RequestHead) throws {
        guard let route = try HubRoute(head.path) else {
            throw Problem(
                status: 404,
                code: .notFound,
                "there is no \(String(head.path).quotedForDisplay) here"
            )
        }
        guard route.methods.contains(head.method) else {
            throw Problem(
                status: 405,
                code: .unsupported,
                "\(head.method.quotedForDisplay) is not a method of this address",
                headers: [Problem.Header("Allow", route.methods.joined(separator: ", "))]
            )
        }
        self = route
    }

    /// The methods that it has.
    var methods: [String] {
        switch self {
        case .console, .live, .ready, .status, .metrics, .description, .services, .service, .checks, .configs, .backup:
            ["GET", "HEAD"]
        case .instance: ["GET", "HEAD", "PUT", "PATCH", "DELETE"]
        case .lease: ["PUT"]
        case .leases: ["POST"]
        case .watch, .configWatch: ["GET", "POST"]
        case .config(let path): path.methods
        case .configBatch, .configReaders: ["POST"]
        case .lock: ["GET", "HEAD", "POST", "PUT", "DELETE"]
        case .tutorial: ["POST", "DELETE"]
        }
    }

    private static func top(_ name: Substring) -> HubRoute? {
        switch name {
        case "": .console
        case "livez": .live
        case "readyz": .ready
        case "services": .tutorial
        case "metrics": .metrics
        case "openapi.yaml": .description
        default: nil
        }
    }

    private static func first(_ name: Substring) -> HubRoute? {
        switch name {
        case "services": .services
        case "status": .status
        case "watch": .watch
        case "config": .configs
        case "config-watch": .configWatch
        case "config-batch": .configBatch
        case "config-readers": .configReaders
        case "backup": .backup
        default: nil
        }
    }

    private static func service(_ text: Substring) throws(ValidationError) -> ServiceName {
        try ServiceName(PercentEncoding.decode(text, field: "service"))
    }

    private static func id(_ text: Substring) throws(ValidationError) -> InstanceID {
        try InstanceID(PercentEncoding.decode(text, field: "id"))
    }
}
