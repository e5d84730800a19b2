/// The place of an element in a list, as a step of a path.
struct ConfigListIndex: CodingKey {
    let value: Int

    init(_ value: Int) {
        self.value = value
    }

    init?(intValue: Int) {
        self.value = intValue
    }

    init?(stringValue: String) {
        nil
    }

    var intValue: Int? { self.value }
    var stringValue: String { "\(self.value)" }
}

/// The key under which a class finds what its superclass reads.
private struct SuperKey: CodingKey {
    init() {}
    init?(intValue: Int) { nil }
    init?(stringValue: String) { nil }

    var intValue: Int? { nil }
    var stringValue: String { "super" }
}

/// An object whose members are read by their keys.
struct ConfigObjectContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let members: [String: ConfigValue]
    let codingPath: [any CodingKey]

    // In order, so that of several errors always the same is found.
    var allKeys: [Key] { self.members.keys.sorted().compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { self.members[key.stringValue] != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try self.decoder(key).decodeNil() }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try self.decoder(key).read(type) }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try self.decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try self.decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try self.decoder(SuperKey()) }

    func superDecoder(forKey key: Key) throws -> any Decoder { try self.decoder(key) }

    private func decoder(_ key: any CodingKey) throws -> ConfigValueDecoder {
        guard let value = self.members[key.stringValue] else {
            throw DecodingError.keyNotFound(
                key,
                DecodingError.Context(codingPath: self.codingPath, debugDescription: "it is missing")
            )
        }
        return ConfigValueDecoder(value, at: self.codingPath + [key])
    }
}

/// A list whose elements are read one after the other.
struct ConfigListContainer: UnkeyedDecodingContainer {
    let elements: [ConfigValue]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(elements: [ConfigValue], codingPath: [any CodingKey]) {
        self.elements = elements
        self.codingPath = codingPath
    }

    var count: Int? { self.elements.count }
    var isAtEnd: Bool { self.currentIndex >= self.elements.count }

    mutating func decodeNil() throws -> Bool {
        guard try self.decoder().decodeNil() else { return false }
        self.currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let value = try self.decoder().read(type)
        self.currentIndex += 1
        return value
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try self.decoder().container(keyedBy: type)
        self.currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try self.decoder().unkeyedContainer()
        self.currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try self.decoder()
        self.currentIndex += 1
        return decoder
    }

    private func decoder() throws -> ConfigValueDecoder {
        let path = self.codingPath + [ConfigListIndex(self.currentIndex)]
        guard !self.isAtEnd else {
            let context = DecodingError.Context(codingPath: path, debugDescription: "the list ends before this element")
            throw DecodingError.keyNotFound(ConfigListIndex(self.currentIndex), context)
        }
        return ConfigValueDecoder(self.elements[self.currentIndex], at: path)
    }
}
