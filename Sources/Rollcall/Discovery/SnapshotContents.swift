#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What a discovery knew at one moment, as it is kept on the disk for a start without the backend.
package struct SnapshotContents: Hashable, Sendable {
    /// One service with all its instances.
    package struct Service: Hashable, Sendable {
        /// The service.
        package var name: ServiceName
        /// Its instances, each id once; all belong to the service.
        package var instances: [ServiceInstance]
        /// When the registry said so last; `nil` for when the contents were written.
        package var asOf: Date?

        /// Creates an entry.
        package init(name: ServiceName, instances: [ServiceInstance], asOf: Date? = nil) {
            self.name = name
            self.instances = instances
            self.asOf = asOf
        }
    }

    /// The namespace that the services belong to.
    package var namespace: Namespace
    /// The name of the backend that they came from.
    package var backend: String
    /// When it was so, by this machine's calendar; the file keeps whole milliseconds.
    package var writtenAt: Date
    /// The services in the order given, each once.
    package var services: [Service]

    /// Creates contents.
    package init(namespace: Namespace, backend: String, writtenAt: Date, services: [Service]) {
        self.namespace = namespace
        self.backend = backend
        self.writtenAt = writtenAt
        self.services = services
    }
}
