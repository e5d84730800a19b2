import HTTPEngine
public import Rollcall

extension HubBackend: ConfigReleaseBackend {
    /// See ``ConfigReleaseBackend/candidate(for:)``.
    public func candidate(for key: ConfigKey) async throws(BackendError) -> ConfigCandidate? {
        do throws(BackendError) {
            let path = HubCalls.path(key) + "/candidate"
            let answer = try await self.calls.send("GET", path, "read", key: key.text)
            return try self.candidate(key, in: answer.body)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// See ``ConfigReleaseBackend/propose(_:for:to:expecting:)``.
    public func propose(
        _ draft: ConfigDraft,
        for audience: ConfigAudience,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigCandidate {
        try self.check([ConfigChange(key, .write(draft))])
        do throws(ValidationError) {
            try audience.check()
        } catch {
            throw BackendError(error)
        }
        let answer = try await self.calls.send(
            "PUT",
            HubCalls.path(key) + "/candidate",
            "propose",
            key: key.text,
            fields: HubCalls.fields(of: expectation),
            body: ConfigDocument.proposal(draft, audience)
        )
        return try self.candidate(key, in: answer.body)
    }

    /// See ``ConfigReleaseBackend/promote(_:expecting:)``.
    @discardableResult
    public func promote(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        let fields = HubCalls.fields(of: expectation)
        let path = HubCalls.path(key) + "/candidate/promote"
        let answer = try await self.calls.send("POST", path, "promote", key: key.text, fields: fields)
        return try await self.stored(key, answer.body, "promote")
    }

    /// See ``ConfigReleaseBackend/abandon(_:expecting:)``.
    @discardableResult
    public func abandon(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry? {
        let fields = HubCalls.fields(of: expectation)
        let path = HubCalls.path(key) + "/candidate"
        let answer = try await self.calls.send("DELETE", path, "abandon", key: key.text, fields: fields)
        return answer.status == 204 ? nil : try await self.stored(key, answer.body, "abandon")
    }

    /// See ``ConfigReleaseBackend/entry(for:as:)``.
    public func entry(for key: ConfigKey, as instance: ConfigInstance) async throws(BackendError) -> ConfigEntry? {
        let text = PercentEncoding.encode(String(decoding: instance.json, as: UTF8.self))
        return try await self.read(
            HubCalls.path(key),
            key,
            "read",
            fields: [Problem.Header("Rollcall-Instance", text)]
        )
    }

    /// See ``ConfigReleaseBackend/watch(_:as:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        as instance: ConfigInstance,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        try await self.follow(key, as: instance, deliver: deliver)
    }

    /// See ``ConfigReleaseBackend/report(_:as:)``.
    public func report(_ uses: [ConfigKey: Int64], as instance: ConfigInstance) async throws(BackendError) {
        let body = ConfigDocument.report(uses, instance)
        _ = try await self.calls.send("POST", "/v1/config-readers", "report", key: nil, body: body)
    }

    /// See ``ConfigReleaseBackend/readers(of:)``.
    public func readers(of key: ConfigKey) async throws(BackendError) -> [ConfigReaderStatus] {
        let path = HubCalls.path(key) + "/readers"
        let answer = try await self.calls.send("GET", path, "readers", key: key.text)
        return try HubCalls.reading("readers", key.text) { () throws(ValidationError) in
            try ConfigDocument.readers(in: answer.body)
        }
    }

    /// Delivers what is stored under a key, or what an instance sees there.
    func follow(
        _ key: ConfigKey,
        as instance: ConfigInstance?,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        var replica = ConfigReplica(key: key)
        try await self.follow("watch of \(key)") {
            WatchRequest(path: "/v1/config-watch", body: replica.request(as: instance))
        } element: { element throws(BackendError) in
            guard case .event(let name, let id, let data) = element else { return }
            if let state = try replica.accept(name, id: id, data: data) { deliver(state) }
        } interrupted: {
        }
    }

    private func candidate(_ key: ConfigKey, in body: [UInt8]) throws(BackendError) -> ConfigCandidate {
        try HubCalls.reading("read", key.text) { () throws(ValidationError) in
            let document = try ConfigDocument(json: body)
            guard let audience = document.audience else {
                throw ValidationError(field: "audience", message: "is missing")
            }
            return ConfigCandidate(try document.entry(key), for: audience)
        }
    }

    /// Reads what a change has stored, of which the answer has all but the content.
    func stored(
        _ key: ConfigKey,
        _ body: [UInt8],
        _ operation: String
    ) async throws(BackendError) -> ConfigEntry {
        let document = try HubCalls.reading(operation, key.text) { () throws(ValidationError) in
            try ConfigDocument(json: body)
        }
        guard let version = document.version, let entry = try await self.entry(for: key, version: version) else {
            throw BackendError(
                .protocolViolation,
                "what was stored is gone already",
                backend: self.name,
                operation: operation,
                key: key.text
            )
        }
        return entry
    }
}

extension ConfigDocument {
    /// The document that proposes a candidate.
    static func proposal(_ draft: ConfigDraft, _ audience: ConfigAudience) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            Self.write(draft, to: &writer)
            writer.key("audience")
            audience.write(to: &writer)
        }
        return writer.bytes
    }

    /// The document that says what an instance has in use.
    static func report(_ uses: [ConfigKey: Int64], _ instance: ConfigInstance) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("instance")
            instance.write(to: &writer)
            writer.key("uses")
            writer.object { writer in
                for (key, version) in uses {
                    writer.key(key.text)
                    writer.integer(version)
                }
            }
        }
        return writer.bytes
    }

    /// Reads who runs what.
    static func readers(in json: [UInt8]) throws(ValidationError) -> [ConfigReaderStatus] {
        var readers: [ConfigReaderStatus] = []
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "readers" else { return try reader.skip() }
            try reader.array { (reader) throws(ValidationError) in readers.append(try Self.reader(from: &reader)) }
        }
        try reader.end()
        return readers
    }

    private static func reader(from reader: inout JSONReader) throws(ValidationError) -> ConfigReaderStatus {
        var instance: ConfigInstance?
        var (expected, actual) = (0, 0)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "instance": instance = try ConfigInstance.read(from: &reader)
            case "expected": expected = try reader.integer()
            case "actual": actual = try reader.integer()
            default: try reader.skip()
            }
        }
        guard let instance else { throw ValidationError(field: "instance", message: "is missing") }
        return ConfigReaderStatus(instance: instance, expected: Int64(expected), actual: Int64(actual))
    }
}
