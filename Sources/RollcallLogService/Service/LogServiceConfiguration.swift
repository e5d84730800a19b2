public import Rollcall

/// How a ``LogService`` behaves.
public struct LogServiceConfiguration: Sendable {
    /// The file that lines are appended to.
    public var path: String
    /// What each line begins with; may be empty.
    public var prefix: String
    /// At what size in bytes another file is begun.
    public var maximumFileBytes: Int
    /// How many full files are kept beside the one that is written to.
    public var rotatedFiles: Int
    /// The greatest body of a request in bytes.
    public var maximumBody: Int
    /// The greatest message in bytes.
    public var maximumMessage: Int
    /// The most messages of a batch.
    public var maximumBatch: Int
    /// The most readers that follow at once.
    public var maximumFollowers: Int
    /// Where the service says what happens to itself; must not lead back to it.
    public var log: Log

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - path: `services.log` in the working folder by default.
    ///   - prefix: `Rollcall:` by default. It must be one line.
    ///   - maximumFileBytes: 64 MiB by default.
    ///   - rotatedFiles: 4 by default, so that all files together hold at most 320 MiB.
    ///   - maximumBody: 64 KiB by default.
    ///   - maximumMessage: 8 KiB by default.
    ///   - maximumBatch: 1000 by default.
    ///   - maximumFollowers: 64 by default.
    ///   - log: Silent by default.
    public init(
        path: String = "services.log",
        prefix: String = "Rollcall:",
        maximumFileBytes: Int = 64 << 20,
        rotatedFiles: Int = 4,
        maximumBody: Int = 65536,
        maximumMessage: Int = 8192,
        maximumBatch: Int = 1000,
        maximumFollowers: Int = 64,
        log: Log = .silent
    ) {
        self.path = path
        self.prefix = prefix
        self.maximumFileBytes = maximumFileBytes
        self.rotatedFiles = rotatedFiles
        self.maximumBody = maximumBody
        self.maximumMessage = maximumMessage
        self.maximumBatch = maximumBatch
        self.maximumFollowers = maximumFollowers
        self.log = log
    }

    func check() throws(ValidationError) {
        guard !self.prefix.hasControlCharacter, self.prefix.utf8.count <= 128 else {
            throw ValidationError(field: "prefix", message: "must be one line of at most 128 bytes", limit: 128)
        }
        guard self.maximumFileBytes >= 65536 else {
            throw ValidationError(field: "maximumFileBytes", message: "must be at least 65536", limit: 65536)
        }
        guard (0...1000).contains(self.rotatedFiles) else {
            throw ValidationError(field: "rotatedFiles", message: "must be from 0 to 1000", limit: 1000)
        }
    }
}
