import HTTPEngine
import Rollcall

extension ConsulBackend {
    /// The path of a key.
    ///
    /// Keys that other programs chose may have anything in them: in a path a dot stands for itself and two take a segment
    /// back, unless the slashes around them do not end segments.
    static func path(ofKey key: String) -> String {
        let segments = key.split(separator: "/", omittingEmptySubsequences: false)
        let inner = segments.last == "" ? segments.dropLast() : segments[...]
        let isPlain = key.utf8.allSatisfy { $0.isPlainAlphanumeric || ",-_./".utf8.contains($0) }
        if isPlain, !inner.contains(where: { $0.allSatisfy { $0 == "." } }) { return "/v1/kv/\(key)" }
        let encoded = PercentEncoding.encode(key)
        return "/v1/kv/\(key.allSatisfy { $0 == "." } ? encoded.replacing(".", with: "%2E") : encoded)"
    }

    /// Reads what stands under a key.
    ///
    /// - Parameters:
    ///   - key: The key, as Consul has it.
    ///   - operation: What errors name.
    ///   - name: What errors name.
    ///   - freshness: How fresh the answer must be.
    /// - Returns: The entry; `nil` for none.
    /// - Throws: A ``BackendError``.
    func keyValue(
        _ key: String,
        _ operation: String,
        _ name: String,
        freshness: [(String, String)]
    ) async throws(BackendError) -> KeyValueEntry? {
        let answer = try await self.calls.send(
            ConsulCall(
                path: Self.path(ofKey: key),
                operation: operation,
                key: name,
                query: freshness,
                accepted: [404]
            )
        )
        return try Self.keyValues(answer, operation, name).first { $0.key == key }
    }

    /// Reads the entries of an answer, of which 404 has none.
    static func keyValues(
        _ answer: HTTPClient.Response,
        _ operation: String,
        _ name: String?
    ) throws(BackendError) -> [KeyValueEntry] {
        guard answer.status != 404 else { return [] }
        return try ConsulCalls.reading(operation, name) { () throws(ValidationError) in
            try KeyValueEntry.list(json: answer.body)
        }
    }

    /// Does all operations or none.
    ///
    /// - Parameters:
    ///   - operations: The operations.
    ///   - operation: What errors name.
    ///   - name: What errors name.
    ///   - isRenewal: Whether it tells whether a lease is still held.
    /// - Returns: What became of it.
    /// - Throws: A ``BackendError``.
    func transact(
        _ operations: [KeyValueOperation],
        _ operation: String,
        _ name: String?,
        isRenewal: Bool = false
    ) async throws(BackendError) -> TransactionOutcome {
        let answer = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/txn",
                operation: operation,
                key: name,
                body: KeyValueOperation.json(operations),
                isRenewal: isRenewal,
                accepted: [409]
            )
        )
        let outcome = try ConsulCalls.reading(operation, name, mayBeApplied: true) { () throws(ValidationError) in
            try TransactionOutcome(json: answer.body)
        }
        // Some refusals are not about what is stored.
        if case .refused(let refusals) = outcome {
            for refusal in refusals where refusal.reason.contains("Permission denied") {
                var error = ConsulFault.error(status: 403, body: Array(refusal.reason.utf8), mayBeApplied: false)
                (error.backend, error.operation, error.key) = (self.name, operation, name)
                throw error
            }
        }
        return outcome
    }

    /// Deletes a key, if its index is that of what is stored.
    ///
    /// - Returns: Whether it did.
    func deleteKey(
        _ key: String,
        index: UInt64,
        _ operation: String,
        _ name: String
    ) async throws(BackendError) -> Bool {
        let answer = try await self.calls.send(
            ConsulCall(
                method: "DELETE",
                path: Self.path(ofKey: key),
                operation: operation,
                key: name,
                query: [("cas", "\(index)")]
            )
        )
        return try Self.truth(answer, operation, name)
    }

    /// Reads `true` or `false`, by which Consul says whether it did.
    static func truth(
        _ answer: HTTPClient.Response,
        _ operation: String,
        _ name: String
    ) throws(BackendError) -> Bool {
        try ConsulCalls.reading(operation, name, mayBeApplied: true) { () throws(ValidationError) in
            var reader = JSONReader(answer.body)
            let isDone = try reader.boolean()
            try reader.end()
            return isDone
        }
    }
}
