#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One state of a key in a backend, to be compared with another for equality and nothing else.
///
/// It is never the same again, also not when a key is deleted and written anew.
public struct ConfigRevision: Hashable, Sendable {
    /// The backend's own token.
    public let text: String

    /// Wraps a backend's token.
    public init(_ text: String) {
        self.text = text
    }
}

extension ConfigRevision: CustomStringConvertible {
    /// The text form.
    public var description: String { self.text }
}

/// What is stored under a key.
public struct ConfigEntry: Hashable, Sendable {
    /// Where it is.
    public let key: ConfigKey
    /// What people call it; empty where nobody named it.
    public var name: String
    /// Orders contents: higher is newer; from 1.
    public var version: Int64
    /// What is stored.
    public var content: ConfigContent
    /// The state that it is.
    public var revision: ConfigRevision
    /// When it was written, where the backend knows.
    public var modifiedAt: Date?

    /// Creates an entry.
    ///
    /// - Parameters:
    ///   - key: Where it is.
    ///   - name: What people call it.
    ///   - version: From 1.
    ///   - content: What is stored.
    ///   - revision: The state that it is.
    ///   - modifiedAt: When it was written, where that is known.
    public init(
        key: ConfigKey,
        name: String = "",
        version: Int64,
        content: ConfigContent,
        revision: ConfigRevision,
        modifiedAt: Date? = nil
    ) {
        self.key = key
        self.name = name
        self.version = version
        self.content = content
        self.revision = revision
        self.modifiedAt = modifiedAt
    }

    /// The entry without its content.
    public var summary: ConfigSummary {
        ConfigSummary(
            key: self.key,
            name: self.name,
            version: self.version,
            revision: self.revision,
            format: self.content.format,
            size: self.content.bytes.count,
            modifiedAt: self.modifiedAt
        )
    }
}

/// A key with all that is stored there but the content.
public struct ConfigSummary: Hashable, Sendable {
    /// Where it is.
    public let key: ConfigKey
    /// What people call it.
    public let name: String
    /// Orders contents.
    public let version: Int64
    /// The state that it is.
    public let revision: ConfigRevision
    /// What kind of text it is.
    public let format: ConfigContent.Format
    /// How many bytes it has.
    public let size: Int
    /// When it was written, where the backend knows.
    public let modifiedAt: Date?

    /// Creates a summary from its parts.
    public init(
        key: ConfigKey,
        name: String,
        version: Int64,
        revision: ConfigRevision,
        format: ConfigContent.Format,
        size: Int,
        modifiedAt: Date?
    ) {
        self.key = key
        self.name = name
        self.version = version
        self.revision = revision
        self.format = format
        self.size = size
        self.modifiedAt = modifiedAt
    }
}

/// What is to be stored under a key.
public struct ConfigDraft: Hashable, Sendable {
    /// The greatest length of a name in bytes of UTF-8.
    public static let maximumNameBytes = 256

    /// What people call it.
    public var name: String
    /// The version that it gets, above the one that is stored; `nil` for the next.
    public var version: Int64?
    /// What is to be stored.
    public var content: ConfigContent
    /// What somebody who sends the write calls it, so that it is not made twice; the driver's own name by default.
    package var writeID: String?

    /// Creates a draft.
    ///
    /// - Parameters:
    ///   - content: What is to be stored.
    ///   - name: What people call it; nothing by default.
    ///   - version: The version that it gets; by default the next.
    public init(_ content: ConfigContent, name: String = "", version: Int64? = nil) {
        self.content = content
        self.name = name
        self.version = version
    }

    /// Checks what no backend takes.
    ///
    /// - Parameter limit: The most bytes of content.
    /// - Throws: `tooLarge` with the limit, or `invalidArgument`.
    package func check(limit: Int) throws(BackendError) {
        guard self.content.bytes.count <= limit else {
            var error = BackendError(
                .tooLarge,
                "the content has \(self.content.bytes.count) bytes, and at most \(limit) are stored under a key"
            )
            error.limit = limit
            throw error
        }
        do throws(ValidationError) {
            guard self.name.utf8.count <= Self.maximumNameBytes else {
                throw ValidationError(
                    field: "name",
                    message: "it has \(self.name.utf8.count) bytes, and at most \(Self.maximumNameBytes) are allowed",
                    limit: Self.maximumNameBytes
                )
            }
            guard !self.name.hasControlCharacter else {
                throw ValidationError(field: "name", message: "\(self.name.quotedForDisplay) has a control character")
            }
            if let version, version < 1 {
                throw ValidationError(field: "version", message: "\(version) is below 1")
            }
        } catch {
            throw BackendError(error)
        }
    }
}

/// What must be stored under a key for a change of it to be made.
public enum ConfigExpectation: Hashable, Sendable {
    /// Anything or nothing.
    case any
    /// Nothing.
    case absent
    /// Exactly this.
    case revision(ConfigRevision)
}

/// What a watcher of a key is told.
public enum ConfigState: Hashable, Sendable {
    /// This is stored.
    case present(ConfigEntry)
    /// Nothing is.
    case absent
    /// Something is that cannot be understood, and why.
    case undecodable(String)
}
