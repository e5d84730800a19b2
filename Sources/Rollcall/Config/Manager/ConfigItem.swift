/// What a program brings for one key: its own content, and what contents it takes.
public struct ConfigItem: Sendable {
    /// Looks at an edition before it is used or stored, and throws to refuse it.
    ///
    /// A ``ConfigRejection`` says in addition whether the edition is to be passed over in silence. It is called on any
    /// thread, for several keys at once, and must not block.
    public typealias Validator = @Sendable (ConfigEdition) throws -> Void

    /// Where it is stored.
    public let key: ConfigKey
    /// What people call it.
    public var name: String
    /// Which edition the content is: the higher one of two is in force; 0 for none yet.
    public var version: Int64
    /// The content; `nil` for a program that brings none and only follows what is stored.
    public var content: ConfigContent?
    /// Decides what is used; `nil` for anything that is not empty.
    ///
    /// It is not stored with the content.
    public var validate: Validator?
    /// Whether the content must not be shown: not in logs, and on the disk only encrypted.
    public var isSecret: Bool

    /// Creates an item.
    ///
    /// - Parameters:
    ///   - key: Where it is stored.
    ///   - content: The content to begin with; `nil` to only follow what is stored.
    ///   - name: What people call it; nothing by default.
    ///   - version: Which edition the content is; 0, for none yet, by default.
    ///   - isSecret: Whether the content must not be shown; false by default.
    ///   - validate: Decides what is used; by default anything that is not empty.
    public init(
        _ key: ConfigKey,
        _ content: ConfigContent? = nil,
        name: String = "",
        version: Int64 = 0,
        isSecret: Bool = false,
        validate: Validator? = nil
    ) {
        self.key = key
        self.name = name
        self.version = version
        self.content = content
        self.isSecret = isSecret
        self.validate = validate
    }
}

extension ConfigItem: CustomStringConvertible, CustomReflectable {
    /// Names the key and the version, not the content.
    public var description: String { "\(self.key) version \(self.version)" }
    /// Shows what `description` shows.
    public var customMirror: Mirror { Mirror(self, children: ["key": self.key, "version": self.version]) }
}

/// Why an edition is not used, for a validator to throw.
public struct ConfigRejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason in words, without secrets: it is logged and shown.
    public var reason: String
    /// Whether the edition is passed over in silence: not reported as an error, and not put into quarantine.
    public var skips: Bool

    /// Creates a reason.
    ///
    /// - Parameters:
    ///   - reason: The reason in words.
    ///   - skips: Whether the edition is passed over in silence; false by default.
    public init(_ reason: String, skips: Bool = false) {
        self.reason = reason
        self.skips = skips
    }

    /// The reason.
    public var description: String { self.reason }
}

/// What was found about an edition.
enum ConfigVerdict: Hashable, Sendable {
    /// It may be used.
    case passes
    /// It may not, and nobody needs to hear of it.
    case skipped(String)
    /// It may not.
    case refused(String)
}

extension ConfigItem {
    /// Asks the validator, or without one whether there is anything in the content (M-9.4).
    func verdict(on edition: ConfigEdition) -> ConfigVerdict {
        guard let validate = self.validate else {
            return edition.content.isBlank ? .refused("the content is empty") : .passes
        }
        do {
            try validate(edition)
            return .passes
        } catch let rejection as ConfigRejection where rejection.skips {
            return .skipped(self.shown(rejection))
        } catch {
            return .refused(self.shown(error))
        }
    }

    /// The program's own content as an edition; `nil` when it brings none.
    func edition(at moment: TimeSource.Instant) -> ConfigEdition? {
        self.content.map {
            ConfigEdition(
                key: self.key,
                name: self.name,
                version: self.version,
                content: $0,
                source: .local,
                takenAt: moment,
                isSecret: self.isSecret
            )
        }
    }

    /// What an error says, unless it may quote from what must not be shown.
    private func shown(_ error: any Error) -> String { self.isSecret ? Self.withheld : "\(error)" }

    /// What is said in place of a reason that may quote from what must not be shown.
    static let withheld = "the reason is not shown, because the key is secret"
}
