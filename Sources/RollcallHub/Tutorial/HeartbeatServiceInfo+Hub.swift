import Rollcall
import RollcallService

extension HeartbeatServiceInfo {
    /// Marks instances that registered by the tutorial's protocol: they are kept by heart-beats and told by pushes.
    static let marker = (key: "rollcall.protocol", value: "tutorial")

    /// What others are told of an instance, or `nil` when it has no http endpoint.
    init?(_ instance: ServiceInstance) {
        guard let endpoint = instance.endpoint(scheme: "http") else { return nil }
        self.init(name: instance.service, address: endpoint.authority, requires: instance.requires)
    }
}

extension ServiceInstance {
    /// Whether it registered by the tutorial's protocol.
    var speaksTutorial: Bool { self.metadata[HeartbeatServiceInfo.marker.key] == HeartbeatServiceInfo.marker.value }
}
