/// A flag that a program takes: `--name value`, `--name=value`, or the same with one dash.
public struct Flag: Sendable {
    let name: String
    let fallback: String
    let meaning: String

    /// Describes a flag.
    ///
    /// - Parameters:
    ///   - name: Its name, without dashes.
    ///   - fallback: Its value when it is not given.
    ///   - meaning: What it is for.
    public init(_ name: String, _ fallback: String, _ meaning: String) {
        self.name = name
        self.fallback = fallback
        self.meaning = meaning
    }
}

/// What the command line cannot mean.
public struct UsageError: Error, CustomStringConvertible {
    /// What is wrong.
    public let description: String
}

/// The values of a program's flags.
public struct Flags: Sendable {
    private var values: [String: String]
    private let given: Set<String>
    /// Whether the user asks what there is.
    let wantsHelp: Bool

    /// Reads a command line.
    ///
    /// - Parameters:
    ///   - arguments: What was typed, without the program's own name.
    ///   - known: The flags that there are.
    /// - Throws: A ``UsageError``.
    init(_ arguments: some Sequence<String>, known: [Flag]) throws {
        self.values = Dictionary(uniqueKeysWithValues: known.map { ($0.name, $0.fallback) })
        var given: Set<String> = []
        var wantsHelp = false
        var rest = arguments.makeIterator()
        while let argument = rest.next() {
            let bare = argument.drop { $0 == "-" }
            let name = String(bare.prefix { $0 != "=" })
            wantsHelp = wantsHelp || name == "help"
            if name == "help" { continue }
            guard argument.hasPrefix("-"), self.values[name] != nil else {
                throw UsageError(description: "\(argument) is not known; --help lists what is")
            }
            guard let value = bare == name ? rest.next() : String(bare.dropFirst(name.count + 1)) else {
                throw UsageError(description: "--\(name) needs a value")
            }
            self.values[name] = value
            given.insert(name)
        }
        self.given = given
        self.wantsHelp = wantsHelp
    }

    /// The value of a flag that is known.
    public subscript(_ name: String) -> String { self.values[name] ?? "" }

    /// The value of a flag, unless it was left out.
    public func ifGiven(_ name: String) -> String? { self.given.contains(name) ? self[name] : nil }

    /// The value of a flag, as a number.
    ///
    /// - Throws: A ``UsageError`` for anything else.
    public func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(self[name]), range.contains(number) else {
            throw UsageError(description: "--\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
