/// Why each instance of a service is or is not among those that a call may go to.
public struct SelectionReport: Hashable, Sendable {
    /// One instance.
    public struct Entry: Hashable, Sendable {
        /// The instance.
        public let instance: ServiceInstance
        /// Whether calls may go to it now.
        public let isIn: Bool
        /// What speaks against it, or what is special about it; nothing for most.
        public let remarks: [Remark]
        /// How many calls to it are under way.
        public let outstanding: Int
        /// The moving average of how long calls took; `nil` before the first.
        public let averageLatency: Duration?
    }

    /// Something that is to be known of an instance.
    public struct Remark: Hashable, Sendable {
        /// What it is.
        public let text: String
        /// Since how long it is so; `nil` where that is not known.
        public let age: Duration?
    }

    /// The service.
    public let service: ServiceName
    /// All its instances, in order of ids.
    public let entries: [Entry]
    /// What is to be known of the view as a whole: that it is stale, or that all is chosen from for want of better.
    public let remarks: [Remark]
    /// The name of the backend that the view came from; `nil` before the first.
    public let source: String?
}

extension Discovery {
    /// Says why each instance of a service is or is not chosen from now.
    ///
    /// The service is watched from now on; before the first view the report has no entries.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - filter: The filter of the call in question; by default as configured.
    /// - Returns: The report.
    public func explain(_ service: ServiceName, where filter: FilterChoice = .configured) -> SelectionReport {
        self.view(of: service, isLookup: true).evidence(filter.applied(to: self.configuration.filter)).report
    }
}
