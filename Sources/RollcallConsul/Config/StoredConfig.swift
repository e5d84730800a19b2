import Rollcall

/// What Consul has under a configuration key: a value, with every rule of what may be written over it.
struct StoredConfig: Hashable {
    /// The key.
    let key: ConfigKey
    /// How it is written.
    let layout: ConsulConfigLayout
    /// What Consul has; `nil` for nothing.
    let stored: KeyValueEntry?

    /// The index to compare with; 0 for nothing.
    var index: UInt64 { self.stored?.modifyIndex ?? 0 }

    /// The token of what is stored; `nil` for nothing.
    var revision: ConfigRevision? { self.stored.map { ConfigRevision("\($0.modifyIndex)") } }

    /// What is stored; `nil` for nothing.
    ///
    /// A content that another program wrote has the index as its version, which rises with each change.
    ///
    /// - Throws: A ``ValidationError`` for what cannot be understood.
    func entry() throws(ValidationError) -> ConfigEntry? {
        guard let stored, let revision else { return nil }
        if let envelope = try self.layout.decode(stored.value) { return envelope.entry(self.key, revision: revision) }
        let version = Int64(clamping: stored.modifyIndex)
        return ConfigEnvelope.raw(stored.value, at: self.key, revision: revision, version: version)
    }

    /// What watchers are told.
    var state: ConfigState {
        do throws(ValidationError) {
            return try self.entry().map { .present($0) } ?? .absent
        } catch {
            return .undecodable(error.description)
        }
    }

    /// What lists tell; of what cannot be understood its size at least.
    var summary: ConfigSummary? {
        guard let stored, let revision else { return nil }
        if let entry = try? self.entry() { return entry.summary }
        let content = ConfigContent(bytes: stored.value)
        let version = Int64(clamping: stored.modifyIndex)
        return ConfigEntry(key: self.key, version: version, content: content, revision: revision).summary
    }

    /// Whether a write of this name is what is stored.
    func isWritten(by write: String) -> Bool {
        guard let stored, let envelope = try? self.layout.decode(stored.value) else { return false }
        return envelope.write == write
    }

    /// Checks that what is stored is what is expected.
    ///
    /// - Throws: `conflict` with what is stored.
    func check(_ expectation: ConfigExpectation) throws(BackendError) {
        switch expectation {
        case .any: return
        case .absent:
            guard self.stored != nil else { return }
            throw self.conflict("something is stored already")
        case .revision(let revision):
            guard self.revision != revision else { return }
            throw self.conflict(self.stored == nil ? "nothing is stored any more" : "something else is stored")
        }
    }

    /// The version that comes next.
    ///
    /// - Parameter wished: The one that the writer names.
    /// - Returns: The version.
    /// - Throws: `conflict` for one that is not above the stored; `invalidArgument` when there is none;
    ///   `protocolViolation` when what is stored cannot be understood.
    func nextVersion(_ wished: Int64?) throws(BackendError) -> Int64 {
        let last: Int64
        do throws(ValidationError) {
            last = try self.entry()?.version ?? 0
        } catch {
            throw BackendError(
                .protocolViolation,
                "what is stored cannot be understood, and is not written over: delete it first",
                cause: error
            )
        }
        if let wished {
            guard wished > last else { throw self.conflict("version \(wished) is not above \(last), which is stored") }
            return wished
        }
        guard last < .max else {
            throw BackendError(.invalidArgument, "version: \(last) is the highest there is; nothing goes above it")
        }
        return last + 1
    }

    func conflict(_ message: String) -> BackendError {
        var error = BackendError(.conflict, message)
        error.currentRevision = self.revision?.text
        return error
    }
}
