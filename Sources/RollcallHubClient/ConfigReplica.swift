import Rollcall

/// What a stream has told of one key: a value, without network or clock.
struct ConfigReplica {
    /// The key.
    let key: ConfigKey
    private var epoch: String?
    private var revision: String?

    /// Creates a replica that knows nothing.
    init(key: ConfigKey) {
        self.key = key
    }

    /// The document that asks for what is newer than what is here.
    func request(as instance: ConfigInstance?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            if let epoch = self.epoch {
                writer.key("epoch")
                writer.string(epoch)
            }
            writer.key("keys")
            writer.object { writer in
                writer.key(self.key.text)
                writer.string(self.revision ?? "")
            }
            if let instance {
                writer.key("instance")
                instance.write(to: &writer)
            }
        }
        return writer.bytes
    }

    /// Takes an event of the stream.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - id: Its id: the epoch, a point and the revision.
    ///   - data: Its document.
    /// - Returns: The state after it; `nil` for an event of another kind.
    /// - Throws: `protocolViolation` for a document that is something else.
    mutating func accept(_ name: String, id: String?, data: [UInt8]) throws(BackendError) -> ConfigState? {
        guard ["entry", "absent", "undecodable"].contains(name) else { return nil }
        let state: ConfigState
        do throws(ValidationError) {
            let document = try ConfigDocument(json: data)
            guard document.key == self.key else {
                throw ValidationError(field: "key", message: "is not \(self.key.text.quotedForDisplay)")
            }
            switch name {
            case "absent": state = .absent
            case "undecodable": state = .undecodable(document.fault ?? "the hub cannot read it")
            default: state = .present(try document.entry(self.key))
            }
        } catch {
            throw BackendError(.protocolViolation, "an event of the hub cannot be read", cause: error)
        }
        let parts = (id ?? "").split(separator: ".", maxSplits: 1)
        self.epoch = parts.first.map(String.init)
        self.revision = parts.count == 2 ? String(parts[1]) : nil
        return state
    }
}
