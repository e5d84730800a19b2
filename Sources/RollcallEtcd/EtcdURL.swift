import HTTPEngine
import Rollcall

/// The URL of a cluster: `etcd://a:2379,b:2379?layout=goServiceLink`, with `etcd+https` by TLS.
struct EtcdURL: Sendable {
    /// The schemes, the one for TLS last.
    static let schemes = ["etcd", "etcd+https"]
    private static let usualPort = 2379

    /// The members.
    private(set) var servers: [Origin] = []
    /// Where records stand, where the URL says so.
    private(set) var layout: EtcdBackend.Layout?
    /// What stands before all keys, where the URL says so.
    private(set) var prefix: String?
    /// The configuration, with the times that the URL tells.
    private(set) var configuration: EtcdBackend.Configuration

    /// Reads a URL.
    ///
    /// - Parameters:
    ///   - url: The URL.
    ///   - configuration: What holds where the URL says nothing.
    /// - Throws: `invalidArgument` that says what is wrong.
    init(
        _ url: String,
        _ configuration: EtcdBackend.Configuration = EtcdBackend.Configuration()
    ) throws(BackendError) {
        self.configuration = configuration
        do throws(ValidationError) {
            try self.read(url, configuration.tls)
            try self.configuration.check()
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
        for (name, time) in Self.times {
            if let text = values[name] { self.configuration[keyPath: time] = try Duration(text: text, field: name) }
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

    /// What a configuration has of the times that a URL may tell.
    private static var times: [(String, WritableKeyPath<EtcdBackend.Configuration, Duration>)] {
        [
            ("timeout", \.timeout), ("connect-timeout", \.connectTimeout), ("keepalive", \.keepAliveInterval),
            ("keepalive-timeout", \.keepAliveTimeout), ("watch-check", \.watchCheckInterval),
        ]
    }
    private static let parameters = ["layout", "prefix"] + Self.times.map(\.0) + ["ca", "cert", "key", "server-name"]

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
