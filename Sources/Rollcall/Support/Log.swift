/// Where Rollcall says what happens in the background, for those who bridge it to something of their own.
///
/// Messages are constant but for the names in them and never contain a secret. They are texts, never formats.
public struct Log: Sendable {
    /// How much a message matters.
    public enum Level: Int, Comparable, Sendable, CaseIterable {
        /// What helps to find a fault.
        case debug
        /// What changes rarely and is good to know.
        case info
        /// What needs attention if it lasts.
        case warning
        /// What cannot go on.
        case error

        /// Whether `lhs` comes before `rhs`.
        public static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    private let write: (@Sendable (Level, String, String) -> Void)?
    private let minimum: Level
    private let component: String

    /// Says nothing.
    public static let silent = Log(write: nil, minimum: .error, component: "")

    /// Calls `write` for each message.
    ///
    /// - Parameters:
    ///   - minimum: The least level to call it for.
    ///   - write: Takes the level, the component that speaks (`registrar`, `discovery`) and the message. Called from
    ///     any thread; it must not block.
    public init(minimum: Level = .info, _ write: @escaping @Sendable (Level, String, String) -> Void) {
        self.init(write: write, minimum: minimum, component: "rollcall")
    }

    private init(write: (@Sendable (Level, String, String) -> Void)?, minimum: Level, component: String) {
        self.write = write
        self.minimum = minimum
        self.component = component
    }

    /// The same log for another component.
    package func component(_ name: String) -> Log {
        Log(write: self.write, minimum: self.minimum, component: name)
    }

    package func callAsFunction(_ level: Level, _ message: @autoclosure () -> String) {
        guard let write = self.write, level >= self.minimum else { return }
        write(level, self.component, message())
    }
}
