extension ConfigValue {
    /// Reads the value as one of a Swift type.
    ///
    /// Beside what types do themselves:
    ///
    /// | type | is read from |
    /// |---|---|
    /// | whole numbers | a whole number in their range, also one such as `1.0` |
    /// | `Double`, `Float` | any number in their range |
    /// | `Date` | a text in the form of RFC 3339 with its distance from UTC, `2026-11-21T07:30:00Z` |
    /// | `Data` | a text in base64 |
    /// | `URL` | a text |
    /// | `Duration` | a text such as `500ms`, `10s`, `5m` or `2h` |
    ///
    /// An optional is `nil` where its key is missing, and where it is ``null``.
    ///
    /// - Parameter type: The type.
    /// - Returns: The value.
    /// - Throws: A ``ValidationError`` whose field is the path of the value at fault, such as `limits.perSecond` or
    ///   `hosts[3]`, and whose message has nothing of any value.
    public func decode<T: Decodable>(_ type: T.Type) throws(ValidationError) -> T {
        do {
            return try ConfigValueDecoder(self).read(type)
        } catch let error as DecodingError {
            throw ValidationError(error)
        } catch {
            throw ValidationError(
                field: "",
                message: "the type that is read refuses a value (\(String(describing: Swift.type(of: error))))"
            )
        }
    }
}

/// What is wrong with a value, in words that have nothing of it.
struct ConfigValueFault: Error {
    let message: String
}

extension ValidationError {
    /// Takes the place of an error and, unless it is this module's, nothing of what it says: that may quote a value.
    fileprivate init(_ error: DecodingError) {
        let context: DecodingError.Context
        var path: [any CodingKey]
        var message: String
        switch error {
        case .keyNotFound(let key, let found):
            (context, path, message) = (found, found.codingPath + [key], "it is missing")
        case .valueNotFound(let type, let found):
            (context, path, message) = (found, found.codingPath, "a value of the type \(type) is missing")
        case .typeMismatch(let type, let found):
            (context, path, message) = (found, found.codingPath, "it is no value of the type \(type)")
        case .dataCorrupted(let found):
            (context, path, message) = (found, found.codingPath, "the type that is read refuses the value")
        @unknown default:
            self.init(field: "", message: "the type that is read refuses a value")
            return
        }
        if let fault = context.underlyingError as? ConfigValueFault { message = fault.message }
        self.init(field: path.text, message: message)
    }
}

extension [any CodingKey] {
    /// The path as people write it: `limits.perSecond`, `hosts[3]`.
    fileprivate var text: String {
        self.reduce(into: "") { path, key in
            if let index = key as? ConfigListIndex {
                path += "[\(index.value)]"
            } else {
                path += (path.isEmpty ? "" : ".") + key.stringValue.asPathComponent
            }
        }
    }
}

extension String {
    /// The key as it stands in a path: in quotes where a path could not be read otherwise.
    package var asPathComponent: String {
        let isPlain = !self.isEmpty && self.utf8.count <= 64 && !self.utf8.contains { "[].\" ".utf8.contains($0) }
        return isPlain && !self.hasControlCharacter ? self : self.quotedForDisplay
    }
}
