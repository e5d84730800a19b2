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
    package struct Record: Sendable {
        /// What somebody else laid over a record, and what that comes to.
        private final class Overlay: Sendable {
            let change: InstanceChange
            let visible: ServiceInstance

            init(_ change: InstanceChange, _ visible: ServiceInstance) {
                self.change = change
                self.visible = visible
            }
        }

        /// What the holder registered.
        package private(set) var own: ServiceInstance
        private var overlay: Overlay?
        /// Whether it fails the checks of the server that keeps the table.
        package private(set) var failsChecks = false
        /// The proof of holding it.
        package let proof: LeaseProof
        /// Whether it is kept beyond its time, because too many ended at once.
        package var isHeld = false
        /// How long it outlives its last renewal.
        package let ttl: Duration
        /// When it ends if nobody renews it.
        package var expiry: TimeSource.Instant
        /// Which entry of the wheel is about this record; one about a former holder is not.
        let entry: UInt64
        private let namespace: Namespace

        init(
            _ own: ServiceInstance,
            in namespace: Namespace,
            proof: LeaseProof,
            ttl: Duration,
            now: TimeSource.Instant,
            entry: UInt64
        ) {
            self.own = own
            self.namespace = namespace
            self.proof = proof
            self.ttl = ttl
            self.expiry = now.advanced(by: ttl)
            self.entry = entry
        }

        /// Where it is.
        var place: Place { Place(namespace: self.namespace, service: self.own.service) }

        /// What everybody sees: ``own`` with the amendment over it, and critical while it fails checks.
        package var visible: ServiceInstance { self.overlay?.visible ?? self.own }

        /// What somebody else laid over it.
        package var amendment: InstanceChange { self.overlay?.change ?? InstanceChange() }

        /// Replaces what the holder registered, and what is laid over that.
        ///
        /// - Throws: A ``ValidationError`` when the result breaks a limit; then nothing changes.
        mutating func replace(_ own: ServiceInstance, amendment: InstanceChange) throws(ValidationError) {
            self.overlay = try Self.overlay(amendment, over: own, failsChecks: self.failsChecks)
            self.own = own
        }

        /// Takes note of what checks say.
        mutating func note(failsChecks: Bool) {
            do throws(ValidationError) {
                self.overlay = try Self.overlay(self.amendment, over: self.own, failsChecks: failsChecks)
                self.failsChecks = failsChecks
            } catch {
                // The limit of the size counts the longest status whatever the status is, so that a record which kept it
                // before keeps it now; and a status breaks no other limit.
            }
        }

        private static func overlay(
            _ amendment: InstanceChange,
            over own: ServiceInstance,
            failsChecks: Bool
        ) throws(ValidationError) -> Overlay? {
            guard !amendment.isEmpty || failsChecks else { return nil }
            let amended = try own.applying(amendment)
            // Who is in maintenance is that whatever checks say.
            guard failsChecks, amended.status == .passing || amended.status == .warning else {
                return Overlay(amendment, amended)
            }
            return Overlay(amendment, try amended.applying(InstanceChange(status: .critical)))
        }

        /// Begins its time-to-live anew.
        mutating func prolong(at now: TimeSource.Instant) {
            self.expiry = now.advanced(by: self.ttl)
            self.isHeld = false
        }
    }
}
