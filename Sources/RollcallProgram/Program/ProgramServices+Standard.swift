import HTTPEngine
import Rollcall
import RollcallHubClient

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
                return backends
            },
            checkHTTP: { await self.fault(of: $0) }
        )
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
