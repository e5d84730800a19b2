/// The balancers that a command line or an environment can name.
package enum NamedBalancers {
    /// Each with its name; the first is the usual one.
    package static let all: [(name: String, balancer: any Balancer)] = [
        ("random", .random),
        ("round-robin", .roundRobin),
        ("weighted", .weighted),
        ("least-outstanding", .leastOutstanding),
        ("peak-ewma", .peakEWMA),
        ("consistent-hash", .consistentHash),
    ]

    /// The balancer with a name.
    ///
    /// - Throws: A ``ValidationError`` that lists what there is.
    package static func named(_ name: String, field: String) throws(ValidationError) -> any Balancer {
        if let known = self.all.first(where: { $0.name == name }) { return known.balancer }
        let names = self.all.map(\.name).joined(separator: ", ")
        throw ValidationError(field: field, message: "\(name.quotedForDisplay) is none of \(names)")
    }
}
