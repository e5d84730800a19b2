import HTTPEngine
import Rollcall
import RollcallService

extension HubAPI {
    /// Registration and deregistration by the tutorial's protocol.
    func tutorial(_ request: HubRequest) async throws {
        try request.checkQuery()
        guard request.namespace == TutorialBridge.namespace else {
            throw ValidationError(
                field: "ns",
                message: "'\(request.namespace)' cannot be chosen here: this protocol has no namespaces"
            )
        }
        let info = try await request.json { (reader) throws(ValidationError) in
            try HeartbeatServiceInfo(from: &reader)
        }
        guard request.method == "POST" else {
            try self.bridge.deregister(info)
            return request.exchange.respond(200)
        }
        let required = try self.bridge.register(info)
        self.metrics.registrations.add()
        var writer = JSONWriter()
        writer.object { writer in
            for (service, instances) in required {
                writer.key(service.text)
                writer.array { writer in
                    for instance in instances { instance.write(to: &writer) }
                }
            }
        }
        request.respond(json: writer.bytes)
    }
}
