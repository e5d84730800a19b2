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
                    try HubBackend(url: url, namespace: namespace, configuration: .init(log: settings.log))
                }
                return backends
            },
            checkHTTP: { await self.passes($0) }
        )
    }

    /// Whether a GET of a URL is answered by a status from 200 to 299 within two seconds.
    private static func passes(_ url: String) async -> Bool {
        let mark = url.firstIndex(of: "?") ?? url.endIndex
        guard let endpoint = try? Endpoint(url[..<mark]), let origin = try? Origin(endpoint),
            let client = try? HTTPClient()
        else { return false }
        let path = (endpoint.path.isEmpty ? "/" : endpoint.path) + url[mark...]
        let response = try? await client.send(HTTPClient.Request("GET", path, at: origin), within: .seconds(2))
        return response.map { (200..<300).contains($0.status) } ?? false
    }
}
