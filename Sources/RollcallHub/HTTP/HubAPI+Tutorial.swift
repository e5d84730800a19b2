import HTTPEngine
import Rollcall

extension HubAPI {
    /// Registration and deregistration by the tutorial's protocol.
    func tutorial(_ request: HubRequest) async throws {
        let service = try await request.json { (reader) throws(ValidationError) in
            try TutorialService(from: &reader)
        }
        guard request.method == "POST" else {
            try self.bridge.deregister(service)
            return request.exchange.respond(200)
        }
        let required = try self.bridge.register(service)
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
