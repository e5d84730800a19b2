import HTTPEngine
import Rollcall
import RollcallConsul
import RollcallEtcd
import RollcallHubClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ProgramServices {
    /// Those of the program as it is installed: all drivers, and an HTTP client.
    package static var standard: ProgramServices {
        ProgramServices(
            backends: { settings in
                var backends = RollcallClient.builtInBackends
                backends["hub"] = { (url, namespace) throws(BackendError) in
                    let unused = [settings.token.map { _ in "token" }, settings.layout.map { _ in "layout" }]
                    for name in unused.compactMap(\.self) {
                        settings.log.component("hub")(
                            .warning,
                            "a hub has no use for a \(name): the one given is left out"
                        )
                    }
                    return try HubBackend(url: url, namespace: namespace, configuration: .init(log: settings.log))
                }
                for scheme in EtcdBackend.schemes {
                    backends[scheme] = { (url, namespace) throws(BackendError) in
                        try EtcdBackend(url: url, namespace: namespace, configuration: try Self.etcd(settings))
                    }
                }
                for scheme in ConsulBackend.schemes {
                    backends[scheme] = { (url, namespace) throws(BackendError) in
                        try ConsulBackend(url: url, namespace: namespace, configuration: try Self.consul(settings))
                    }
                }
                return backends
            },
            checkHTTP: { await self.fault(of: $0) }
        )
    }

    private static func consul(_ settings: BackendSettings) throws(BackendError) -> ConsulBackend.Configuration {
        var configuration = ConsulBackend.Configuration(environment: ProcessInfo.processInfo.environment)
        if let name = settings.layout {
            guard let layout = ConsulBackend.Layout(rawValue: name) else {
                let known = ConsulBackend.Layout.allCases.map(\.rawValue).joined(separator: ", ")
                throw BackendError(.unsupported, "Consul has the layouts \(known), not \(name)")
            }
            configuration.layout = layout
        }
        if let token = settings.token { configuration.credentials.token = token }
        configuration.log = settings.log
        return configuration
    }

    private static func etcd(_ settings: BackendSettings) throws(BackendError) -> EtcdBackend.Configuration {
        var configuration = EtcdBackend.Configuration(log: settings.log)
        if let name = settings.layout {
            guard let layout = EtcdBackend.Layout(named: name) else {
                throw BackendError(
                    .unsupported,
                    "etcd has the layouts rollcall, goServiceLink, discox and grpc, not \(name)"
                )
            }
            configuration.layout = layout
        }
        do throws(ValidationError) {
            configuration.credentials = try settings.token.map { (text) throws(ValidationError) in
                try EtcdBackend.Credentials(text)
            }
        } catch {
            throw BackendError(error)
        }
        return configuration
    }

    /// Why a GET of a URL is not answered by a status from 200 to 299 within two seconds; `nil` when it is.
    private static func fault(of url: CheckURL) async -> String? {
        do {
            let request = HTTPClient.Request("GET", url.target, at: try Origin(url.endpoint))
            let status = try await HTTPClient().send(request, within: .seconds(2)).status
            return (200..<300).contains(status) ? nil : "answered \(status)"
        } catch {
            return "\(error)"
        }
    }
}
