/// Why a connection can be used no further.
package struct ConnectionError: Error, Hashable, CustomStringConvertible {
    /// What kind of end it is.
    package enum Kind: Hashable, Sendable {
        /// The peer cannot be reached, or refused.
        case refused
        /// Nothing happened until the deadline.
        case timeout
        /// This side closed it.
        case closed
        /// The peer or the network broke it.
        case broken
        /// The peer does not keep to the protocol.
        case malformed
        /// The peer does not prove who it is, or this side cannot: the same attempt fails again.
        case untrusted
    }

    /// What kind of end it is.
    package let kind: Kind
    /// What happened.
    package let message: String
    /// Whether this side lacked what it takes, such as a descriptor, so that it says nothing about the peer.
    package let isLocal: Bool

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - kind: What kind of end it is.
    ///   - message: What happened.
    ///   - isLocal: Whether this side lacked what it takes.
    package init(_ kind: Kind, _ message: String, isLocal: Bool = false) {
        self.kind = kind
        self.message = message
        self.isLocal = isLocal
    }

    /// The text form.
    package var description: String { self.message }
}
