/// One state of a configuration, in which values are looked up by path and type.
///
/// It never changes, so that all look-ups of it fit together. Its meaning is that of `ConfigSnapshot` in
/// swift-configuration, whose package is no dependency here: an adapter to a `ConfigProvider` there has to pass on
/// ``value(at:as:)`` and ``name``, and to rename the cases of ``ConfigLookupType`` and ``ConfigLookupContent`` into those
/// of the same names.
public protocol ConfigLookupSource: Sendable {
    /// What errors and text forms call it.
    var name: String { get }

    /// Looks a value up.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - type: What it must be.
    /// - Returns: The value, or `nil` when there is none; `null` is none.
    /// - Throws: A ``ConfigLookupError`` when there is one of another type.
    func value(at path: ConfigPath, as type: ConfigLookupType) throws(ConfigLookupError) -> ConfigLookupValue?

    /// Whether the value at a path, should there be one, is secret.
    ///
    /// - Parameter path: The path.
    /// - Returns: Whether it is kept out of every text form.
    func isSecret(_ path: ConfigPath) -> Bool
}

extension ConfigLookupSource {
    /// The text at a path; `nil` where there is nothing.
    public func string(at path: ConfigPath) throws(ConfigLookupError) -> String? {
        guard case .string(let value) = try self.value(at: path, as: .string)?.content else { return nil }
        return value
    }

    /// The whole number at a path; `nil` where there is nothing.
    public func int(at path: ConfigPath) throws(ConfigLookupError) -> Int? {
        guard case .int(let value) = try self.value(at: path, as: .int)?.content else { return nil }
        return value
    }

    /// The number at a path; `nil` where there is nothing.
    public func double(at path: ConfigPath) throws(ConfigLookupError) -> Double? {
        guard case .double(let value) = try self.value(at: path, as: .double)?.content else { return nil }
        return value
    }

    /// Whether it is `true` at a path; `nil` where there is nothing.
    public func bool(at path: ConfigPath) throws(ConfigLookupError) -> Bool? {
        guard case .bool(let value) = try self.value(at: path, as: .bool)?.content else { return nil }
        return value
    }

    /// The bytes at a path; `nil` where there is nothing.
    public func bytes(at path: ConfigPath) throws(ConfigLookupError) -> [UInt8]? {
        guard case .bytes(let value) = try self.value(at: path, as: .bytes)?.content else { return nil }
        return value
    }

    /// The texts at a path; `nil` where there is nothing.
    public func stringArray(at path: ConfigPath) throws(ConfigLookupError) -> [String]? {
        guard case .stringArray(let value) = try self.value(at: path, as: .stringArray)?.content else { return nil }
        return value
    }

    /// The whole numbers at a path; `nil` where there is nothing.
    public func intArray(at path: ConfigPath) throws(ConfigLookupError) -> [Int]? {
        guard case .intArray(let value) = try self.value(at: path, as: .intArray)?.content else { return nil }
        return value
    }

    /// The numbers at a path; `nil` where there is nothing.
    public func doubleArray(at path: ConfigPath) throws(ConfigLookupError) -> [Double]? {
        guard case .doubleArray(let value) = try self.value(at: path, as: .doubleArray)?.content else { return nil }
        return value
    }

    /// What is `true` and `false` at a path; `nil` where there is nothing.
    public func boolArray(at path: ConfigPath) throws(ConfigLookupError) -> [Bool]? {
        guard case .boolArray(let value) = try self.value(at: path, as: .boolArray)?.content else { return nil }
        return value
    }

    /// The pieces of bytes at a path; `nil` where there is nothing.
    public func byteChunkArray(at path: ConfigPath) throws(ConfigLookupError) -> [[UInt8]]? {
        guard case .byteChunkArray(let value) = try self.value(at: path, as: .byteChunkArray)?.content else {
            return nil
        }
        return value
    }
}

/// How single values become what is asked for, whatever they stand in.
protocol ConfigScalarReading {
    /// What a single value is before anybody asked.
    associatedtype Scalar

    /// Reads one; `nil` where it is something else.
    static func string(_ scalar: Scalar) -> String?
    static func int(_ scalar: Scalar) -> Int?
    static func double(_ scalar: Scalar) -> Double?
    static func bool(_ scalar: Scalar) -> Bool?
    static func bytes(_ scalar: Scalar) -> [UInt8]?
}

extension ConfigScalarReading {
    /// Reads single values as one of the types; `nil` where one of them is something else.
    ///
    /// - Parameters:
    ///   - scalar: The value, for types that are no array.
    ///   - list: The values, for arrays.
    ///   - type: What is asked for.
    /// - Returns: The value of that type.
    static func content(_ scalar: Scalar, _ list: [Scalar]?, as type: ConfigLookupType) -> ConfigLookupContent? {
        switch type {
        case .string: self.string(scalar).map { .string($0) }
        case .int: self.int(scalar).map { .int($0) }
        case .double: self.double(scalar).map { .double($0) }
        case .bool: self.bool(scalar).map { .bool($0) }
        case .bytes: self.bytes(scalar).map { .bytes($0) }
        case .stringArray: self.all(list, self.string).map { .stringArray($0) }
        case .intArray: self.all(list, self.int).map { .intArray($0) }
        case .doubleArray: self.all(list, self.double).map { .doubleArray($0) }
        case .boolArray: self.all(list, self.bool).map { .boolArray($0) }
        case .byteChunkArray: self.all(list, self.bytes).map { .byteChunkArray($0) }
        }
    }

    private static func all<Element>(_ list: [Scalar]?, _ read: (Scalar) -> Element?) -> [Element]? {
        guard let list else { return nil }
        let elements = list.compactMap(read)
        return elements.count == list.count ? elements : nil
    }
}
