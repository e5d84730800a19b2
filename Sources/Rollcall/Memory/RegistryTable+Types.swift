extension RegistryTable {
    /// A service in its namespace.
    package struct Place: Hashable, Sendable {
        /// The namespace.
        package let namespace: Namespace
        /// The service.
        package let service: ServiceName

        /// Names a place.
        package init(namespace: Namespace, service: ServiceName) {
            self.namespace = namespace
            self.service = service
        }
    }

    /// What an operation changed, for those who must tell watchers.
    package struct Change: Hashable, Sendable {
        /// Where.
        package let place: Place
        /// Who left, and why.
        package var departed: [InstanceID: DepartureReason] = [:]
        /// Who came or was changed.
        package var upserted: [InstanceID] = []
        /// Whether the service came or is gone with it.
        package var changesNames = false
        /// The service's revision before.
        package var from: UInt64 = 0
        /// The service's revision after.
        package var to: UInt64 = 0

        /// Creates a change in which nobody left.
        package init(place: Place) {
            self.place = place
        }
    }

    /// One registration.
    package struct Record: Hashable, Sendable {
        /// What the holder registered.
        package var own: ServiceInstance
        /// What everybody sees: the former with the amendment over it.
        package var visible: ServiceInstance
        /// What somebody else laid over it.
        package var amendment = InstanceChange()
        /// The proof of holding it, as whoever uses the table compares it: a secret, or a hash of one.
        package let proof: String
        /// How long it outlives its last renewal.
        package let ttl: Duration
        /// When it ends if nobody renews it.
        package var expiry: TimeSource.Instant
        /// Whether it is kept beyond its time, because too many ended at once.
        package var isHeld = false
        /// Which entry of the wheel is about this record; one about a former holder is not.
        let entry: UInt64

        /// Begins its time-to-live anew.
        mutating func prolong(at now: TimeSource.Instant) {
            self.expiry = now.advanced(by: self.ttl)
            self.isHeld = false
        }
    }
}
