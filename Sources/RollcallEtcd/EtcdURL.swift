import HTTPEngine
import Rollcall

/// The URL of a cluster: `etcd://a:2379,b:2379?layout=goServiceLink`, with `etcd+https` by TLS.
struct EtcdURL: Hashable, Sendable {
    /// The schemes, the one for TLS last.
    static let schemes = ["etcd", "etcd+https"]
    private static let usualPort = 2379

    /// The members.
    private(set) var servers: [Origin] = []
    /// Where records stand, where the URL says so.
    private(set) var layout: EtcdBackend.Layout?
    /// What stands before all keys, where the URL says so.
    private(set) var prefix: String?
    /// How long a call may take, where the URL says so.
    private(set) var timeout: Duration?

    /// Reads a URL.
    ///
    /// - Parameters:
    ///   - url: The URL.
    ///   - tls: How TLS is spoken, where the URL does not say so; `nil` for plain connections.
    /// - Throws: `invalidArgument` that says what is wrong.
    init(_ url: String, tls: TLSConfiguration? = nil) throws(BackendError) {
        do throws(ValidationError) {
            try self.read(url, tls)
        } catch {
            throw BackendError(
                .invalidArgument,
                "\(url.withoutCredentials.quotedForDisplay) is not the URL of a cluster such as etcd://127.0.0.1:2379 or "
                    + "etcd://a:2379,b:2379: \(error)",
                backend: EtcdBackend.name
            )
        }
    }

    private mutating func read(_ url: String, _ tls: TLSConfiguration?) throws(ValidationError) {
        guard let end = url.firstRange(of: "://"), Self.schemes.contains(String(url[..<end.lowerBound])) else {
            throw ValidationError(field: "", message: "it does not begin with etcd:// or etcd+https://")
        }
        let isSecure = url[..<end.lowerBound] == Self.schemes[1]
        let parts = url[end.upperBound...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var files = isSecure || tls != nil ? tls ?? TLSConfiguration() : nil
        if parts.count == 2 { try self.read(query: parts[1], &files) }
        for part in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
            let endpoint = try Self.member(part)
            self.servers.append(Origin(host: endpoint.host, port: endpoint.port, tls: files))
        }
    }

    private static func member(_ part: Substring) throws(ValidationError) -> Endpoint {
        guard !part.contains("@") else {
            throw ValidationError(
                field: "",
                message: "user and password do not belong into it: give them as user:password by --token-file"
            )
        }
        var text = part.drop { $0 == " " }
        if text.last == "/" { text = text.dropLast() }
        let hasPort = text.last != "]" && text.split(separator: "]").last?.contains(":") == true
        guard let endpoint = try? Endpoint("http://\(text)\(hasPort ? "" : ":\(self.usualPort)")"),
            endpoint.path.isEmpty
        else {
            throw ValidationError(field: "", message: "\(String(text).quotedForDisplay) is no host with a port")
        }
        return endpoint
    }

    private mutating func read(query: Substring, _ tls: inout TLSConfiguration?) throws(ValidationError) {
        var values: [String: String] = [:]
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, Self.parameters.contains(String(pair[0])) else {
                let names = Self.parameters.joined(separator: ", ")
                throw ValidationError(field: "", message: "\(String(item).quotedForDisplay) is none of \(names)")
            }
            values[String(pair[0])] = try PercentEncoding.decode(pair[1], field: String(pair[0]))
        }
        self.prefix = values["prefix"]
        if let text = values["timeout"] {
            let timeout = try Duration(text: text, field: "timeout")
            guard timeout > .zero else { throw ValidationError(field: "timeout", message: "must be above zero") }
            self.timeout = timeout
        }
        try self.takeFiles(values, &tls)
        guard let name = values["layout"] else { return }
        guard let layout = EtcdBackend.Layout(named: name, prefix: self.prefix ?? "") else {
            throw ValidationError(
                field: "layout",
                message: "\(name.quotedForDisplay) is not one of rollcall, goServiceLink, discox and grpc"
            )
        }
        self.layout = layout
    }

    private static let parameters = ["layout", "prefix", "timeout", "ca", "cert", "key", "server-name"]

    private func takeFiles(_ values: [String: String], _ tls: inout TLSConfiguration?) throws(ValidationError) {
        for name in ["ca", "cert", "key", "server-name"] where tls == nil && values[name] != nil {
            throw ValidationError(field: name, message: "it is for TLS, and the URL does not begin with etcd+https://")
        }
        if let file = values["ca"] { tls?.caFile = file }
        if let name = values["server-name"] { tls?.serverName = name }
        switch (values["cert"], values["key"]) {
        case (nil, nil): return
        case (let certificate?, let key?):
            tls?.clientCertificate = TLSConfiguration.ClientCertificate(certificateFile: certificate, keyFile: key)
        default: throw ValidationError(field: "cert", message: "a certificate and its key belong together")
        }
    }
}
