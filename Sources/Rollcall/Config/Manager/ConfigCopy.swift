#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The last good editions of a manager, as they are kept on the disk for a start without the backend.
struct ConfigCopy: Hashable {
    /// One edition.
    struct Item: Hashable {
        var key: ConfigKey
        var name: String
        var version: Int64
        var content: ConfigContent
        /// When the backend last confirmed it; the file keeps whole milliseconds.
        var asOf: Date
    }

    /// The version of the JSON that this code writes.
    private static let schema = 1

    /// The namespace that the editions belong to.
    var namespace: Namespace
    /// The name of the backend that held them.
    var backend: String
    /// The editions, each key once.
    var items: [Item]

    /// The copy as JSON, on one line.
    func json() -> [UInt8] {
        var writer = JSONWriter(capacity: 128 + self.items.reduce(0) { $0 + 256 + $1.content.bytes.count * 4 / 3 })
        writer.object { writer in
            writer.key("schema")
            writer.integer(Self.schema)
            writer.key("namespace")
            writer.string(self.namespace.text)
            writer.key("backend")
            writer.string(self.backend)
            writer.key("items")
            writer.array { writer in
                for item in self.items { item.write(to: &writer) }
            }
        }
        return writer.bytes
    }

    /// Reads a copy; members that this version does not know are ignored.
    ///
    /// - Parameter json: The JSON.
    /// - Throws: A ``ValidationError``; for the field `schema` when the JSON is of another version.
    init(json: some Collection<UInt8>) throws(ValidationError) {
        var (namespace, backend, items): (Namespace?, String?, [Item]?)
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "schema":
                let schema = try reader.integer()
                guard schema == Self.schema else {
                    throw ValidationError(
                        field: "",
                        message: "\(schema) is not a schema that this version reads; it reads \(Self.schema)"
                    )
                }
            case "namespace": namespace = try reader.name()
            case "backend": backend = try reader.string()
            case "items":
                var list: [Item] = []
                try reader.array { (reader) throws(ValidationError) in list.append(try Item(from: &reader)) }
                items = list
            default: try reader.skip()
            }
        }
        try reader.end()
        self.init(
            namespace: try present(namespace, "namespace"),
            backend: try present(backend, "backend"),
            items: try present(items, "items")
        )
        guard Set(self.items.map(\.key)).count == self.items.count else {
            throw ValidationError(field: "items", message: "a key is there twice")
        }
    }

    /// Creates a copy.
    init(namespace: Namespace, backend: String, items: [Item]) {
        self.namespace = namespace
        self.backend = backend
        self.items = items
    }
}

extension ConfigCopy.Item {
    fileprivate func write(to writer: inout JSONWriter) {
        // A clock may be far off, and the file must be readable all the same.
        let moment = Timestamp.milliseconds(of: self.asOf) ?? 0
        writer.object { writer in
            writer.key("key")
            writer.string(self.key.text)
            writer.key("name")
            writer.string(self.name)
            writer.key("version")
            writer.integer(self.version)
            writer.key("contentType")
            writer.string(self.content.format.mediaType)
            writer.key("content")
            writer.string(Data(self.content.bytes).base64EncodedString())
            writer.key("asOf")
            writer.string(Timestamp.text(moment))
        }
    }

    fileprivate init(from reader: inout JSONReader) throws(ValidationError) {
        var (key, name, version): (ConfigKey?, String?, Int?)
        var (format, bytes, asOf): (ConfigContent.Format?, [UInt8]?, Int64?)
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "key": key = try reader.name()
            case "name": name = try reader.string()
            case "version": version = try reader.integer()
            case "contentType": format = try ConfigContent.Format(mediaType: try reader.string())
            case "content":
                guard let data = Data(base64Encoded: try reader.string()) else {
                    throw ValidationError(field: "", message: "is not base64")
                }
                bytes = Array(data)
            case "asOf": asOf = try Timestamp.parse(try reader.string())
            default: try reader.skip()
            }
        }
        self.key = try present(key, "key")
        self.name = name ?? ""
        self.version = Int64(try present(version, "version"))
        self.content = ConfigContent(bytes: try present(bytes, "content"), format: try present(format, "contentType"))
        self.asOf = Date(timeIntervalSince1970: Double(try present(asOf, "asOf")) / 1000)
        guard self.version >= 1 else { throw ValidationError(field: "version", message: "\(self.version) is below 1") }
    }
}

private func present<Value>(_ value: Value?, _ field: String) throws(ValidationError) -> Value {
    guard let value else { throw ValidationError(field: field, message: "is missing") }
    return value
}
