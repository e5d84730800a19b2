#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Hands the parts of a value to the types that read themselves from it.
struct ConfigValueDecoder: Decoder {
    let value: ConfigValue
    let codingPath: [any CodingKey]

    init(_ value: ConfigValue, at codingPath: [any CodingKey] = []) {
        self.value = value
        self.codingPath = codingPath
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = self.value else { throw self.mismatch("an object", type) }
        return KeyedDecodingContainer(ConfigObjectContainer(members: members, codingPath: self.codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .list(let elements) = self.value else { throw self.mismatch("a list", [Any].self) }
        return ConfigListContainer(elements: elements, codingPath: self.codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    /// Reads the value as one of a type.
    func read<T: Decodable>(_ type: T.Type) throws -> T {
        // A scalar that read itself would ask this very function.
        if let scalar = try self.scalar(type), let value = scalar as? T { return value }
        return try type.init(from: self)
    }

    private func scalar(_ type: any Any.Type) throws -> Any? {
        if type == Bool.self { return try self.bool() }
        if type == String.self { return try self.string() }
        if type == Date.self { return try self.date() }
        if type == Data.self { return try self.data() }
        if type == URL.self { return try self.url() }
        if type == Duration.self { return try self.duration() }
        if let type = type as? any FixedWidthInteger.Type { return try self.integer(type) }
        if let type = type as? any BinaryFloatingPoint.Type { return try self.number(type) }
        return nil
    }

    private func bool() throws -> Bool {
        guard case .bool(let value) = self.value else { throw self.mismatch("true or false", Bool.self) }
        return value
    }

    private func string(_ expected: String = "a text") throws -> String {
        guard case .string(let value) = self.value else { throw self.mismatch(expected, String.self) }
        return value
    }

    private func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
        let value: T?
        switch self.value {
        case .integer(let number): value = T(exactly: number)
        case .number(let number): value = T(exactly: number)
        default: throw self.mismatch("a whole number", type)
        }
        guard let value else { throw self.fault("a whole number from \(T.min) to \(T.max) is expected") }
        return value
    }

    private func number<T: BinaryFloatingPoint>(_ type: T.Type) throws -> T {
        switch self.value {
        case .integer(let number):
            return T(number)
        case .number(let number):
            let value = T(number)
            guard value.isFinite == number.isFinite else {
                throw self.fault("the number is out of the range of the type \(type)")
            }
            return value
        default:
            throw self.mismatch("a number", type)
        }
    }

    private func date() throws -> Date {
        let text = try self.string("a text such as 2026-11-21T07:30:00Z")
        guard let date = DateTimeText(text.utf8)?.date else {
            throw self.fault("an instant such as 2026-11-21T07:30:00Z is expected")
        }
        return date
    }

    private func data() throws -> Data {
        guard let data = Data(base64Encoded: try self.string("a text in base64")) else {
            throw self.fault("the text is not base64")
        }
        return data
    }

    private func url() throws -> URL {
        guard let url = URL(string: try self.string()) else { throw self.fault("the text is not a URL") }
        return url
    }

    private func duration() throws -> Duration {
        let text = try self.string("a text such as 10s")
        do throws(ValidationError) {
            return try Duration(text: text, field: "")
        } catch {
            // Its message quotes the text.
            throw self.fault("a duration such as 500ms, 10s, 5m or 2h is expected")
        }
    }

    private func mismatch(_ expected: String, _ type: any Any.Type) -> DecodingError {
        let message = "\(expected) is expected here, not \(self.value.kind)"
        return .typeMismatch(type, self.context(message))
    }

    private func fault(_ message: String) -> DecodingError {
        .dataCorrupted(self.context(message))
    }

    private func context(_ message: String) -> DecodingError.Context {
        DecodingError.Context(
            codingPath: self.codingPath,
            debugDescription: message,
            underlyingError: ConfigValueFault(message: message)
        )
    }
}

extension ConfigValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { self.value == .null }

    func decode<T: Decodable>(_ type: T.Type) throws -> T { try self.read(type) }
}
