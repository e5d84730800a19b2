import GRPCEngine
import HTTPEngine
public import Rollcall

extension EtcdBackend {
    /// How the driver behaves.
    public struct Configuration: Sendable {
        /// How long a call may take.
        public var timeout: Duration
        /// Before all keys of Rollcall's own layout, without slashes around it.
        public var prefix: String
        /// Where records stand; a URL that says so comes first.
        public var layout: Layout
        /// Who calls; `nil` for nobody.
        public var credentials: Credentials?
        /// How TLS is spoken; `nil` for plain connections.
        ///
        /// What a URL with `etcd+https` says comes first.
        public var tls: TLSConfiguration?
        /// Where the driver says what happens.
        public var log: Log
        /// How long a connection to a member may take to be made, 2 s by default.
        public var connectTimeout = Duration.seconds(2)
        /// After how long in silence a member with which something is under way is asked for a sign of life, 6 s by default.
        ///
        /// Not below ``minimumKeepAliveInterval``.
        public var keepAliveInterval = Duration.seconds(6)
        /// How long the sign of life may take before the next member is tried, 5 s by default.
        public var keepAliveTimeout = Duration.seconds(5)
        /// The most bytes of one message from etcd, 256 MiB by default; lists are read in pages.
        public var maximumMessageBytes = 256 << 20
        /// After how long in silence a watch is asked whether it still runs, 30 s by default.
        ///
        /// A server that loses events (``BackendCapabilities/verifiedWatch``) is asked for a list that often instead.
        public var watchCheckInterval = Duration.seconds(30)

        /// etcd takes more signs of life for an attack, and breaks the connection (`--grpc-keepalive-min-time`).
        public static let minimumKeepAliveInterval = Duration.seconds(5)

        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - timeout: 5 s by default.
        ///   - prefix: `rollcall` by default.
        ///   - layout: Rollcall's own by default.
        ///   - credentials: Nobody by default.
        ///   - tls: Plain connections by default.
        ///   - log: Silent by default.
        public init(
            timeout: Duration = .seconds(5),
            prefix: String = "rollcall",
            layout: Layout = .rollcall,
            credentials: Credentials? = nil,
            tls: TLSConfiguration? = nil,
            log: Log = .silent
        ) {
            self.timeout = timeout
            self.prefix = prefix
            self.layout = layout
            self.credentials = credentials
            self.tls = tls
            self.log = log
        }

        /// Checks what a URL and a program may have set.
        func check() throws(ValidationError) {
            for (name, duration) in [
                ("timeout", self.timeout), ("connect-timeout", self.connectTimeout),
                ("keepalive-timeout", self.keepAliveTimeout), ("watch-check", self.watchCheckInterval),
            ] where duration <= .zero {
                throw ValidationError(field: name, message: "must be above zero")
            }
            guard self.keepAliveInterval >= Self.minimumKeepAliveInterval else {
                throw ValidationError(
                    field: "keepalive",
                    message:
                        "must be at least \(Self.minimumKeepAliveInterval.text), as etcd breaks the connection else"
                )
            }
            guard self.maximumMessageBytes > 0 else {
                throw ValidationError(field: "maximumMessageBytes", message: "must be above zero")
            }
        }

        func channel(to servers: [Origin], log: Log) -> GRPCChannel.Configuration {
            var channel = GRPCChannel.Configuration(servers: servers, name: EtcdBackend.name, log: log)
            channel.connectTimeout = self.connectTimeout
            channel.keepAlive.silence = self.keepAliveInterval
            channel.keepAlive.patience = self.keepAliveTimeout
            channel.messageLimit = self.maximumMessageBytes
            return channel
        }
    }

    /// A user of etcd and his password.
    public struct Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
        /// The user.
        public let user: String
        let password: String

        /// Reads `user:password`.
        ///
        /// - Parameter text: The text; the password is all behind the first colon.
        /// - Throws: A ``ValidationError`` that does not show the text.
        public init(_ text: String) throws(ValidationError) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError(field: "token", message: "etcd's users are told as user:password")
            }
            self.init(user: String(parts[0]), password: String(parts[1]))
        }

        /// Names a user.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        /// Names the user, not the password.
        public var description: String { "user \(self.user)" }
        /// Shows what `description` shows.
        public var customMirror: Mirror { Mirror(self, children: ["user": self.user]) }
    }
}
