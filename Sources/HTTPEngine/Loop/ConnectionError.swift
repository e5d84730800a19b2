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
    }

    /// What kind of end it is.
    package let kind: Kind
    /// What happened.
    package let message: String

    /// Creates an error.
    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The text form.
    package var description: String { self.message }
}
