package import Rollcall

/// Makes a value of one document of YAML.
package struct YAMLDocument {
    /// How many values aliases may make in one document, which keeps a few lines from becoming millions.
    package static let maximumAliasedValues = 100_000

    /// What an anchor stands for.
    private struct Node {
        var value: ConfigValue
        /// How many values it has, itself among them.
        var count = 1
        /// How many lists and objects stand in each other in it.
        var height = 0
    }

    private let format: ConfigContent.Format
    private let events: YAMLEvents
    private var anchors: [String: Node] = [:]
    private var aliasedValues = 0

    private init(_ content: ConfigContent) throws(ConfigFormatError) {
        self.format = content.format
        self.events = try YAMLEvents(content)
    }

    /// Reads a content as one document; nothing at all is null.
    package static func parse(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        _ = try content.checkedText()
        var document = try YAMLDocument(content)
        return try document.read()
    }

    private mutating func read() throws(ConfigFormatError) -> ConfigValue {
        var value: ConfigValue?
        while true {
            let event = try self.events.next()
            switch event.kind {
            case .end:
                return value ?? .null
            case .documentStart where value == nil:
                value = try self.node(try self.events.next(), depth: 0).value
            case .documentStart:
                throw self.fault("a second document begins here, and one is stored under a key", event.place)
            default:
                continue
            }
        }
    }

    private func fault(_ message: String, _ place: YAMLPlace) -> ConfigFormatError {
        ConfigFormatError(format: self.format, line: place.line, column: place.column, message: message)
    }

    /// Reads the value that begins with an event and stands in so many others.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(ConfigFormatError) -> Node {
        let node: Node
        let anchor: String?
        switch event.kind {
        case .alias(let name):
            return try self.aliased(name, depth: depth, event.place)
        case .scalar(let scalar, let properties):
            anchor = properties.anchor
            do throws(YAMLFault) {
                node = Node(value: try scalar.value(tag: properties.tag))
            } catch {
                throw self.fault(error.message, event.place)
            }
        case .listStart(let properties):
            anchor = properties.anchor
            try self.check(properties.tag, ["!", "tag:yaml.org,2002:seq"], "a list has no tag but !!seq", event.place)
            node = try self.list(depth: depth + 1, event.place)
        case .objectStart(let properties):
            anchor = properties.anchor
            try self.check(
                properties.tag,
                ["!", "tag:yaml.org,2002:map"],
                "an object has no tag but !!map",
                event.place
            )
            node = try self.object(depth: depth + 1, event.place)
        default:
            throw self.fault("a value is expected", event.place)
        }
        if let anchor { self.anchors[anchor] = node }
        return node
    }

    private func check(
        _ tag: String?,
        _ allowed: [String],
        _ message: String,
        _ place: YAMLPlace
    ) throws(ConfigFormatError) {
        guard let tag else { return }
        guard allowed.contains(tag) else { throw self.fault(message, place) }
    }

    private mutating func aliased(_ name: String, depth: Int, _ place: YAMLPlace) throws(ConfigFormatError) -> Node {
        guard let node = self.anchors[name] else {
            throw self.fault(
                "the alias stands for nothing: there is no such anchor on a value that ends before it",
                place
            )
        }
        self.aliasedValues += node.count
        guard self.aliasedValues <= Self.maximumAliasedValues else {
            throw self.fault("aliases may make \(Self.maximumAliasedValues) values in a document, and no more", place)
        }
        try self.checkDepth(depth + node.height, place)
        return node
    }

    private func checkDepth(_ depth: Int, _ place: YAMLPlace) throws(ConfigFormatError) {
        guard depth <= ConfigReader.maximumDepth else {
            throw self.fault(
                "lists and objects may stand in each other \(ConfigReader.maximumDepth) deep, and no deeper",
                place
            )
        }
    }

    private mutating func list(depth: Int, _ place: YAMLPlace) throws(ConfigFormatError) -> Node {
        try self.checkDepth(depth, place)
        var elements: [ConfigValue] = []
        var result = Node(value: .null, height: 1)
        while true {
            let event = try self.events.next()
            if case .collectionEnd = event.kind {
                result.value = .list(elements)
                return result
            }
            let element = try self.node(event, depth: depth)
            elements.append(element.value)
            result.count += element.count
            result.height = max(result.height, element.height + 1)
        }
    }

    private mutating func object(depth: Int, _ place: YAMLPlace) throws(ConfigFormatError) -> Node {
        try self.checkDepth(depth, place)
        var members: [String: ConfigValue] = [:]
        var result = Node(value: .null, height: 1)
        while true {
            let event = try self.events.next()
            if case .collectionEnd = event.kind {
                result.value = .object(members)
                return result
            }
            let key = try self.key(event)
            guard members[key] == nil else { throw self.fault("the object has this key already", event.place) }
            let member = try self.node(try self.events.next(), depth: depth)
            members[key] = member.value
            result.count += member.count
            result.height = max(result.height, member.height + 1)
        }
    }

    /// The text of a key, as it is written.
    private mutating func key(_ event: YAMLEvent) throws(ConfigFormatError) -> String {
        switch event.kind {
        case .scalar(let scalar, let properties):
            guard scalar.text != "<<" || !scalar.isPlain || properties.tag != nil else {
                throw self.fault(
                    "merge keys are no part of YAML 1.2; write the keys out, or \"<<\" in quotes",
                    event.place
                )
            }
            try self.check(properties.tag, ["!", "tag:yaml.org,2002:str"], "a key has no tag but !!str", event.place)
            if let anchor = properties.anchor { self.anchors[anchor] = Node(value: .string(scalar.text)) }
            return scalar.text
        case .alias(let name):
            let node = try self.aliased(name, depth: 0, event.place)
            guard case .string(let text) = node.value else { throw self.fault("a key is a text", event.place) }
            return text
        default:
            throw self.fault("a key is a text, and neither a list nor an object", event.place)
        }
    }
}
