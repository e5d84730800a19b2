import Rollcall

@testable import RollcallConsul

/// A record as Consul answers it once a registration was sent.
func answered(
    _ registration: Registration,
    node: String = "n1",
    createIndex: UInt64 = 7,
    status: String = "passing",
    output: String = "",
    more: String = ""
) -> [UInt8] {
    // What is sent and what is answered differ in names only.
    let sent = String(decoding: registration.json, as: UTF8.self)
    let body = sent.replacingFirst("\"Name\":", with: "\"Service\":").dropLast()
    let lease = InstanceCodec.leaseCheck(registration.nonce)
    let document = """
        [{"Node":{"Node":"\(node)","Address":"10.9.9.9"},"Service":\(body),"CreateIndex":\(createIndex)},
        "Checks":[{"CheckID":"serfHealth","Status":"passing","Output":"alive","ServiceID":""},
        {"CheckID":"\(lease)","Status":"\(status)","Output":"\(output)","ServiceID":"x"}\(more)]}]
        """
    return Array(document.utf8)
}

extension String {
    func replacingFirst(_ text: String, with other: String) -> String {
        guard let range = self.firstRange(of: text) else { return self }
        return self.replacingCharacters(in: range, with: other)
    }

    private func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}

extension Registration {
    /// The registration of an instance with usual values around it.
    static func sample(_ instance: ServiceInstance, nonce: String = "00ff") -> Registration {
        Registration(
            id: ConsulName.id(instance.service, instance.id, in: .default),
            name: ConsulName.service(instance.service, in: .default),
            instance: instance,
            nonce: nonce,
            ttl: .seconds(10),
            layout: RollcallConsulLayout(namespace: .default)
        )
    }
}

extension ServiceInstance {
    /// An instance of `web`.
    static func sample(
        _ id: String = "one",
        endpoints: [String] = ["http://10.0.0.7:8080"],
        weight: Int = 1,
        tags: [String] = [],
        metadata: [String: String] = [:],
        status: HealthStatus = .passing
    ) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID(id),
            endpoints: endpoints.map { text in try Endpoint(text) },
            version: SemanticVersion("1.2.3"),
            zone: "eu-1",
            weight: weight,
            tags: tags,
            metadata: metadata,
            status: status,
            requires: [ServiceName("db")]
        )
    }
}
