/// Reads the part of YAML that the hub's description keeps to: mappings and lists by indentation, scalars on one
/// line, lists of scalars in brackets, comments on lines of their own.
struct YAMLReader {
    struct Failure: Error, CustomStringConvertible {
        let line: Int
        let message: String
        var description: String { "line \(self.line): \(self.message)" }
    }

    private struct Line {
        let number: Int
        let indentation: Int
        var text: Substring
    }

    private var lines: [Line]
    private var position = 0

    static func read(_ text: String) throws -> JSONTree {
        var reader = YAMLReader(text)
        let tree = try reader.block(at: 0)
        if let line = reader.current { throw Failure(line: line.number, message: "nothing more is expected here") }
        return tree
    }

    private init(_ text: String) {
        self.lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .compactMap { index, line in
                let text = line.drop { $0 == " " }
                guard !text.isEmpty, text.first != "#" else { return nil }
                return Line(number: index + 1, indentation: line.count - text.count, text: text)
            }
    }

    private var current: Line? { self.position < self.lines.count ? self.lines[self.position] : nil }

    private mutating func block(at indentation: Int) throws -> JSONTree {
        guard let line = self.current, line.indentation == indentation else {
            throw Failure(line: self.current?.number ?? 0, message: "a block is expected at column \(indentation)")
        }
        return line.text.hasPrefix("- ") ? try self.list(at: indentation) : try self.mapping(at: indentation)
    }

    private mutating func list(at indentation: Int) throws -> JSONTree {
        var elements: [JSONTree] = []
        while let line = self.current, line.indentation == indentation, line.text.hasPrefix("- ") {
            let rest = line.text.dropFirst(2)
            if try Self.member(rest) != nil {
                // What follows the dash is the first line of a mapping, two columns further in.
                self.lines[self.position] = Line(number: line.number, indentation: indentation + 2, text: rest)
                elements.append(try self.mapping(at: indentation + 2))
            } else {
                self.position += 1
                elements.append(try Self.scalar(rest, line: line.number))
            }
        }
        return .list(elements)
    }

    private mutating func mapping(at indentation: Int) throws -> JSONTree {
        var members: [String: JSONTree] = [:]
        while let line = self.current, line.indentation == indentation {
            guard let (name, rest) = try Self.member(line.text) else {
                throw Failure(line: line.number, message: "a member is expected, not '\(line.text)'")
            }
            self.position += 1
            let value: JSONTree
            if rest.isEmpty {
                let inner = self.current?.indentation ?? 0
                value = inner > indentation ? try self.block(at: inner) : .null
            } else {
                value = try Self.scalar(rest, line: line.number)
            }
            guard members.updateValue(value, forKey: name) == nil else {
                throw Failure(line: line.number, message: "'\(name)' is there twice")
            }
        }
        if let line = self.current, line.indentation > indentation {
            throw Failure(line: line.number, message: "it stands too far in")
        }
        return .object(members)
    }

    /// The name and the rest of `name: rest`; `nil` where there is no such.
    private static func member(_ text: Substring) throws -> (String, Substring)? {
        if let quote = text.first, quote == "\"" || quote == "'" {
            let name = text.dropFirst().prefix { $0 != quote }
            let rest = text.dropFirst(name.count + 2)
            guard rest.first == ":" else { return nil }
            return (String(name), rest.dropFirst().drop { $0 == " " })
        }
        let name = text.prefix { $0 != ":" && $0 != " " && $0 != "[" }
        let rest = text.dropFirst(name.count)
        guard rest.hasPrefix(": ") || rest == ":" else { return nil }
        return (String(name), rest.dropFirst().drop { $0 == " " })
    }

    private static func scalar(_ text: Substring, line: Int) throws -> JSONTree {
        switch text.first {
        case "[":
            guard text.last == "]" else { throw Failure(line: line, message: "a bracket is missing") }
            return .list(
                try text.dropFirst().dropLast().split(separator: ",")
                    .map { try self.scalar($0.drop { $0 == " " }, line: line) }
            )
        case "\"", "'":
            let inner = text.dropFirst().dropLast()
            guard text.count >= 2, text.last == text.first, !inner.contains(text.first ?? " "), !inner.contains("\\")
            else { throw Failure(line: line, message: "a quote is missing, or something is escaped") }
            return .text(String(inner))
        case "{", "&", "*", "|", ">", "!", "%", "@", "`":
            throw Failure(line: line, message: "'\(text)' is not of the part of YAML that is kept to")
        default: break
        }
        guard !text.contains(" #"), !text.contains(": ") else {
            throw Failure(line: line, message: "'\(text)' needs quotes")
        }
        switch text {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "null", "~": return .null
        default: return Double(text).map { .number($0) } ?? .text(String(text))
        }
    }
}
