#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Environment variables, in which values are looked up by path and type.
///
/// Names and forms are those of swift-configuration: `http.serverTimeout` is `HTTP_SERVER_TIMEOUT`; `true`, `yes` and
/// `1` are true, and `false`, `no` and `0` false, whatever the case; bytes stand in base64; arrays have commas between
/// their elements, and white space around those does not count. What is set to nothing is an empty text or array.
public struct EnvironmentLookup: ConfigLookupSource {
    /// What errors and text forms call it.
    public let name = "environment"
    private let variables: [String: String]
    private let secrets: ConfigSecrets

    /// Takes variables, such as `ProcessInfo.processInfo.environment`.
    ///
    /// - Parameters:
    ///   - variables: The variables by name.
    ///   - secrets: Which values are kept out of every text form.
    public init(_ variables: [String: String], secrets: ConfigSecrets = .none) {
        self.variables = variables
        self.secrets = secrets
    }

    /// Looks a value up.
    public func value(at path: ConfigPath, as type: ConfigLookupType) throws(ConfigLookupError) -> ConfigLookupValue? {
        guard !path.components.isEmpty, let text = self.variables[path.variableName] else { return nil }
        let list = text.allSatisfy(\.isWhitespace) ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
        guard let content = TextScalars.content(text[...], list.map(TextScalars.trimmed), as: type) else {
            throw ConfigLookupError(
                source: self.name,
                path: path,
                type: type,
                message: "\(path.variableName) is set to something else"
            )
        }
        return ConfigLookupValue(content, isSecret: self.isSecret(path))
    }

    /// Whether the value at a path is secret.
    public func isSecret(_ path: ConfigPath) -> Bool { self.secrets.contains(path) }
}

extension EnvironmentLookup: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The name and how many variables there are; which of them are secret only their paths would tell.
    public var description: String { "\(self.name)[\(self.variables.count) values]" }

    /// The name and how many variables there are.
    public var debugDescription: String { self.description }

    /// No parts, so that no debugger prints a secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

private enum TextScalars: ConfigScalarReading {
    static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        return start[..<(start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex)]
    }

    static func string(_ scalar: Substring) -> String? { String(scalar) }

    static func int(_ scalar: Substring) -> Int? { Int(scalar) }

    static func double(_ scalar: Substring) -> Double? { Double(scalar) }

    static func bool(_ scalar: Substring) -> Bool? {
        switch scalar.lowercased() {
        case "true", "yes", "1": true
        case "false", "no", "0": false
        default: nil
        }
    }

    static func bytes(_ scalar: Substring) -> [UInt8]? { Data(base64Encoded: String(scalar)).map { Array($0) } }
}
