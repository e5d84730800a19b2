// What a backend may have besides the registry.
extension RollcallClient {
    /// The backend's configuration.
    ///
    /// - Throws: `unsupported` where it has none.
    public var config: any ConfigBackend {
        get throws(BackendError) {
            guard let backend = self.registry as? any ConfigBackend else { throw self.lacks("configuration") }
            return backend
        }
    }

    /// The backend's locks.
    ///
    /// - Throws: `unsupported` where it has none.
    public var locks: any LockBackend {
        get throws(BackendError) {
            guard let backend = self.registry as? any LockBackend else { throw self.lacks("locks") }
            return backend
        }
    }

    private func lacks(_ what: String) -> BackendError {
        BackendError(.unsupported, "this backend has no \(what)", backend: self.registry.name)
    }
}
