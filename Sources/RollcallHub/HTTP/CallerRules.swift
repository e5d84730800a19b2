import HTTPEngine
import Rollcall

/// Which requests may come through a browser: those of the hub's own pages.
///
/// Any page that somebody looks at can send requests to a loopback address. It cannot hide where it comes from, which is
/// in `Origin`; and one whose own name was made to lead here cannot hide that name, which is in `Host`.
struct CallerRules: Sendable {
    private let names: Set<String>

    /// Takes the names under which the hub is reached beside `localhost` and loopback addresses.
    ///
    /// - Throws: A ``ValidationError`` for what is no name.
    init(names: [String]) throws(ValidationError) {
        var known: Set<String> = ["localhost", "127.0.0.1", "::1"]
        for name in names {
            do throws(ValidationError) {
                known.insert(try Endpoint(scheme: "http", host: name).host.lowercased())
            } catch {
                throw ValidationError(field: "allowedHosts", message: error.message, limit: error.limit)
            }
        }
        self.names = known
    }

    /// Checks where a request says that it goes and comes from.
    ///
    /// - Throws: A ``Problem`` with status 403.
    func check(_ head: RequestHead) throws(Problem) {
        let host = head.fields.first("host")
        // HTTP/1.0, which no browser speaks, may leave it out.
        if let host, !self.isOwn(host) {
            throw Self.refusal("\(host.quotedForDisplay) is not a name of this hub (--allow-host)", "Host")
        }
        guard let origin = head.fields.first("origin") else { return }
        let isSame = host.map { ["http://" + $0, "https://" + $0].contains(origin) } ?? false
        guard isSame else {
            throw Self.refusal("pages of \(origin.quotedForDisplay) may not call this hub", "Origin")
        }
    }

    private func isOwn(_ authority: String) -> Bool {
        let host =
            authority.hasPrefix("[") ? authority.dropFirst().prefix { $0 != "]" } : authority.prefix { $0 != ":" }
        return self.names.contains(host.lowercased())
            || SocketAddress(host: String(host), port: 0)?.isLoopback == true
    }

    private static func refusal(_ detail: String, _ field: String) -> Problem {
        Problem(status: 403, code: .permissionDenied, detail, field: field)
    }
}
