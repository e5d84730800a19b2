import HTTPEngine
import Rollcall

// What requests about configuration carry in their headers.
extension HubRequest {
    /// What is to be stored: the body, and what the headers say of it.
    ///
    /// - Throws: A ``ValidationError`` or ``Problem``.
    func draft() async throws -> ConfigDraft {
        let fields = self.exchange.head.fields
        var version: Int64?
        if let text = fields.first("rollcall-version") {
            guard let number = Int64(text), number >= 1 else {
                throw ValidationError(
                    field: "Rollcall-Version",
                    message: "\(text.quotedForDisplay) is not a whole number from 1"
                )
            }
            version = number
        }
        let name = try PercentEncoding.decode(Substring(fields.first("rollcall-name") ?? ""), field: "Rollcall-Name")
        let format = try self.format()
        let limit = HubConfig.maximumBytes
        let bytes: [UInt8]
        do {
            bytes = try await self.exchange.readBody(limit: limit)
        } catch var problem as Problem where problem.status == 413 {
            problem.detail = "the content has more than \(limit) bytes, the most that is stored under a key"
            problem.limit = limit
            throw problem
        }
        let text = String(validating: bytes, as: UTF8.self)
        return ConfigDraft(
            ConfigContent(bytes: bytes, format: format ?? (text == nil ? .binary : .plain)),
            name: name,
            version: version
        )
    }

    /// What kind of text the body is; `nil` where nobody said.
    private func format() throws(ValidationError) -> ConfigContent.Format? {
        guard let type = self.exchange.head.fields.first("content-type") else { return nil }
        let format: ConfigContent.Format
        do throws(ValidationError) {
            format = try ConfigContent.Format(mediaType: type)
        } catch {
            throw ValidationError(field: "Content-Type", message: error.message)
        }
        // What `curl -d` says of any body is no claim.
        return format.mediaType == "application/x-www-form-urlencoded" ? nil : format
    }

    /// What must be stored, by `If-Match` and `If-None-Match` (RFC 9110 section 13.1).
    func expectation() throws(ValidationError) -> ConfigExpectation {
        let fields = self.exchange.head.fields
        if let text = fields.first("if-none-match") {
            guard text == "*", fields.first("if-match") == nil else {
                throw ValidationError(
                    field: "If-None-Match",
                    message: "only '*', for nothing that is stored, goes with a change, and no 'If-Match' beside it"
                )
            }
            return .absent
        }
        guard let text = fields.first("if-match") else { return .any }
        guard text.count > 2, text.first == "\"", text.last == "\"", !text.contains(",") else {
            throw ValidationError(
                field: "If-Match",
                message: "\(text.quotedForDisplay) is not one revision in quotes such as \"17\", as an ETag is"
            )
        }
        return .revision(ConfigRevision(String(text.dropFirst().dropLast())))
    }

    /// What the writer calls the write.
    func writeID() throws(BackendError) -> WriteID? {
        guard let text = self.exchange.head.fields.first("rollcall-write-id") else { return nil }
        do throws(ValidationError) {
            return try WriteID(text, field: "Rollcall-Write-Id")
        } catch {
            throw BackendError(error)
        }
    }

    /// Responds with what is stored.
    func respond(with entry: ConfigEntry) {
        let headers = HubAPI.headers(of: entry)
        if self.holds(tag: entry.revision.text) { return self.exchange.respond(304, headers: headers) }
        // A page that somebody stored must not act for who looks at it.
        let caution = [
            Problem.Header("X-Content-Type-Options", "nosniff"),
            Problem.Header("Content-Security-Policy", "sandbox; default-src 'none'"),
        ]
        self.exchange.respond(
            200,
            entry.content.format.mediaType,
            headers: headers + caution,
            body: entry.content.bytes
        )
    }

    /// The instance that reads, by the header `Rollcall-Instance`.
    func instance() throws(ValidationError) -> ConfigInstance? {
        guard let text = self.exchange.head.fields.first("rollcall-instance") else { return nil }
        do throws(ValidationError) {
            return try ConfigInstance(json: Array(PercentEncoding.decode(Substring(text), field: "").utf8))
        } catch {
            throw error.within("Rollcall-Instance")
        }
    }
}
