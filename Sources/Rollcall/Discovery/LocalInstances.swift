/// Instances of a service that this process knows by itself, without the registry.
///
/// They are there before the registry answers, and when it does not. An operator's last resort: with ``Mode/instead``
/// they are all that is chosen from, whatever the registry says.
public struct LocalInstances: Hashable, Sendable {
    /// How they go together with those of the registry.
    public enum Mode: Hashable, Sendable {
        /// Both are there; of two with the same id the registry's.
        case added
        /// They are there in place of the registry's, unless there are none.
        case instead
    }

    /// The instances.
    public var instances: [ServiceInstance]
    /// How they go together with those of the registry.
    public var mode: Mode

    /// Creates local instances.
    ///
    /// - Parameters:
    ///   - instances: The instances; none by default.
    ///   - mode: How they go together with those of the registry.
    public init(_ instances: [ServiceInstance] = [], mode: Mode = .added) {
        self.instances = instances
        self.mode = mode
    }

    func check(_ service: ServiceName) throws(BackendError) {
        guard let stranger = self.instances.first(where: { $0.service != service }) else { return }
        throw BackendError(
            .invalidArgument,
            "the local instance \(stranger.id) is of \(stranger.service), not of \(service)",
            key: service.text
        )
    }

    func merged(with others: [ServiceInstance]) -> [ServiceInstance] {
        guard !self.instances.isEmpty else { return others }
        let first = self.mode == .added ? others + self.instances : self.instances
        var ids: Set<InstanceID> = []
        return first.filter { ids.insert($0.id).inserted }
    }
}
