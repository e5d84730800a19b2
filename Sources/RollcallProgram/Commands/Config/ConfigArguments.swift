import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension PositionalSpec {
    /// A key.
    static let configKey = PositionalSpec("KEY", .one, "the key, such as shop/limits")
    /// Where a content comes from.
    static let contentFile = PositionalSpec("FILE", .one, "where the content is; - for standard input")
}

extension OptionSpec {
    /// What must be stored for a change to be made.
    static let expect = OptionSpec.value(
        "expect",
        "REVISION",
        "change only if this revision is stored; none for nothing"
    )
    /// What kind of text a content is.
    static let contentType = OptionSpec.value(
        "type",
        "TYPE",
        "json, yaml, toml, text, binary or a media type; by default by the file's name"
    )
    /// What people call it.
    static let configName = OptionSpec.value("name", "TEXT", "what people call it")
}

extension ParsedArguments {
    /// The key in the place `KEY`.
    func configKey() throws -> ConfigKey { try self.required("KEY") { try ConfigKey($0) } }

    /// What must be stored for a change to be made.
    func expectation() -> ConfigExpectation {
        switch self.option("expect") {
        case nil: .any
        case "none": .absent
        case let revision?: .revision(ConfigRevision(revision))
        }
    }

    /// A version in a place.
    func version(_ place: String) throws -> Int64 {
        try self.required(place) { text in
            guard let version = Int64(text), version >= 1 else {
                throw ValidationError(
                    field: "",
                    message: "\(text.quotedForDisplay) is not a version, a whole number from 1"
                )
            }
            return version
        }
    }

    /// What kind of text a file has: what `--type` says, else what its name says.
    func format(of path: String) throws -> ConfigContent.Format {
        let known: [String: ConfigContent.Format] = [
            "json": .json, "yaml": .yaml, "yml": .yaml, "toml": .toml, "text": .plain, "txt": .plain, "binary": .binary,
        ]
        if let type = self.option("type") {
            if let format = known[type] { return format }
            return try self.option("type") { try ConfigContent.Format(mediaType: $0) } ?? .plain
        }
        let name = path.split(separator: "/").last ?? ""
        let ending = name.contains(".") ? name.split(separator: ".").last.map { $0.lowercased() } : nil
        return ending.flatMap { known[$0] } ?? .plain
    }
}

extension CommandContext {
    /// Reads a file whole, or standard input.
    func read(_ path: String) throws -> [UInt8] {
        guard path != "-" else { return try self.surroundings.input() }
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw CommandFailure(
                "the file cannot be read",
                place: path,
                advice: ["name a file that you may read"],
                exitCode: .usage
            )
        }
    }

    /// The content of a file.
    ///
    /// - Throws: A ``CommandFailure`` for a text that breaks the rules of its kind.
    func content(of path: String) throws -> ConfigContent {
        let content = ConfigContent(bytes: try self.read(path), format: try self.arguments.format(of: path))
        do throws(ConfigFormatError) {
            try ConfigFormats.reader.check(content)
        } catch {
            throw CommandFailure(
                "the content is not what its type says: \(error)",
                place: path == "-" ? "standard input" : path,
                advice: ["correct it, or name another type with --type"],
                exitCode: .usage
            )
        }
        return content
    }
}

extension ConfigSummary {
    /// Writes the summary as JSON, the same as in the hub's API.
    func write(to writer: inout JSONWriter, isDeletion: Bool? = nil, content: ConfigContent? = nil) {
        writer.object { writer in
            self.writeMembers(to: &writer)
            if let isDeletion {
                writer.key("deleted")
                writer.boolean(isDeletion)
            }
            content?.writeMember(to: &writer)
        }
    }

    /// When it was written, for people.
    var modifiedText: String {
        self.modifiedAt.flatMap { Timestamp.milliseconds(of: $0) }.map { Timestamp.text($0) } ?? "-"
    }
}
