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
        package private(set) var own: ServiceInstance
        /// What everybody sees: the former with the amendment over it, and critical while it fails checks.
        package private(set) var visible: ServiceInstance
        /// What somebody else laid over it.
        package private(set) var amendment = InstanceChange()
        /// Whether it fails the checks of the server that keeps the table.
        package private(set) var failsChecks = false
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

        init(_ own: ServiceInstance, proof: String, ttl: Duration, at now: TimeSource.Instant, entry: UInt64) {
            self.own = own
            self.visible = own
            self.proof = proof
            self.ttl = ttl
            self.expiry = now.advanced(by: ttl)
            self.entry = entry
        }

        /// Replaces what the holder registered; what others laid over it stays.
        ///
        /// - Throws: `invalidArgument` when the result breaks a limit.
        mutating func replace(_ own: ServiceInstance) throws(BackendError) {
            self.visible = try Self.visible(own, self.amendment, failsChecks: self.failsChecks)
            self.own = own
        }

        /// Lays a change over it, beside those that lie there.
        ///
        /// - Throws: `invalidArgument` when the result breaks a limit.
        mutating func amend(_ change: InstanceChange) throws(BackendError) {
            let amendment = self.amendment.merging(change)
            do throws(ValidationError) {
                // A change that leaves the result as it is must be bounded too: it is kept.
                try change.check()
                try amendment.check()
            } catch {
                throw BackendError(error)
            }
            self.visible = try Self.visible(self.own, amendment, failsChecks: self.failsChecks)
            self.amendment = amendment
        }

        /// Takes note of what checks say.
        mutating func note(failsChecks: Bool) {
            guard let visible = try? Self.visible(self.own, self.amendment, failsChecks: failsChecks) else { return }
            self.visible = visible
            self.failsChecks = failsChecks
        }

        private static func visible(
            _ own: ServiceInstance,
            _ amendment: InstanceChange,
            failsChecks: Bool
        ) throws(BackendError) -> ServiceInstance {
            do throws(ValidationError) {
                let amended = try own.applying(amendment)
                // Who is in maintenance is that whatever checks say.
                guard failsChecks, amended.status == .passing || amended.status == .warning else { return amended }
                return try amended.applying(InstanceChange(status: .critical))
            } catch {
                throw BackendError(error)
            }
        }

        /// Begins its time-to-live anew.
        mutating func prolong(at now: TimeSource.Instant) {
            self.expiry = now.advanced(by: self.ttl)
            self.isHeld = false
        }
    }
}
