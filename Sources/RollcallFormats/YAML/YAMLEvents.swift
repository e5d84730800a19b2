import CYAML
import Rollcall

/// What libyaml finds in a text, one after the other.
///
/// All memory of the C library is owned here and freed with it.
final class YAMLEvents {
    private let content: ConfigContent
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    // The library reads from where it was told, so that the bytes must not move.
    private let input: UnsafeMutableBufferPointer<UInt8>

    /// Begins to read a text in UTF-8.
    init(_ content: ConfigContent) throws(ConfigFormatError) {
        self.content = content
        self.parser = .allocate(capacity: 1)
        // One byte more, because the library wants an address also of nothing.
        self.input = .allocate(capacity: content.bytes.count + 1)
        self.input.initialize(repeating: 0)
        guard yaml_parser_initialize(self.parser) == 1 else {
            self.parser.initialize(to: yaml_parser_t())
            throw ConfigFormatError(format: content.format, message: "there is no memory to read YAML")
        }
        for (index, byte) in content.bytes.enumerated() { self.input[index] = byte }
        yaml_parser_set_input_string(self.parser, self.input.baseAddress, content.bytes.count)
        yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(self.parser)
        self.parser.deallocate()
        self.input.deallocate()
    }

    /// The next event; not to be asked for behind the end.
    func next() throws(ConfigFormatError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(self.parser, &event) == 1 else { throw self.failure() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(kind: Self.kind(of: event), place: YAMLPlace(event.start_mark))
    }

    private static func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        switch event.type {
        case YAML_DOCUMENT_START_EVENT:
            return .documentStart
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT:
            return .end
        case YAML_ALIAS_EVENT:
            return .alias(self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return .scalar(
                YAMLScalar(text: text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE),
                YAMLProperties(anchor: self.text(scalar.anchor), tag: self.text(scalar.tag))
            )
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return .listStart(YAMLProperties(anchor: self.text(start.anchor), tag: self.text(start.tag)))
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return .objectStart(YAMLProperties(anchor: self.text(start.anchor), tag: self.text(start.tag)))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            return .collectionEnd
        default:
            return .other
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    /// What the library says is wrong, which never has a piece of the text.
    private func failure() -> ConfigFormatError {
        let parser = self.parser.pointee
        let problem = parser.problem.map { String(cString: $0) } ?? "this cannot be read"
        if parser.error == YAML_READER_ERROR {
            let offset = min(Int(parser.problem_offset), self.content.bytes.count)
            return ConfigFormatError(format: self.content.format, at: offset, in: self.content.bytes, message: problem)
        }
        let context = parser.context.map { " \(String(cString: $0)) at line \(parser.context_mark.line + 1)" } ?? ""
        let place = YAMLPlace(parser.problem_mark)
        return ConfigFormatError(
            format: self.content.format,
            line: place.line,
            column: place.column,
            message: problem + context
        )
    }
}

/// A place in a text.
struct YAMLPlace {
    let line: Int
    let column: Int

    init(_ mark: yaml_mark_t) {
        self.line = Int(mark.line) + 1
        self.column = Int(mark.column) + 1
    }
}

/// A step of a text.
struct YAMLEvent {
    enum Kind {
        case documentStart
        case alias(String)
        case scalar(YAMLScalar, YAMLProperties)
        case listStart(YAMLProperties)
        case objectStart(YAMLProperties)
        case collectionEnd
        case end
        case other
    }

    let kind: Kind
    let place: YAMLPlace
}

/// What may stand before any value.
struct YAMLProperties {
    let anchor: String?
    let tag: String?
}
