/// A set of versions, written as people write it in package manifests.
///
/// | text | means |
/// |---|---|
/// | `^1.2` | at least 1.2.0 and below 2.0.0; below 0.3.0 for `^0.2`, below 0.0.4 for `^0.0.3` |
/// | `~1.2.3` | at least 1.2.3 and below 1.3.0; `~1` is below 2.0.0 |
/// | `1.2.3`, `=1.2.3` | exactly that version, whatever its build data |
/// | `>=1.2 <2` | every comparison holds; `<`, `<=`, `>`, `>=` |
/// | `*` | every version |
///
/// A version before a release (`1.3.0-rc.1`) is inside by its order alone, except that an upper bound without
/// such a part also leaves out its own pre-releases: `2.0.0-rc.1` is not in `^1.2`.
public struct VersionRange: Hashable, Sendable {
    private struct Bound: Hashable {
        var version: SemanticVersion
        var included: Bool
    }

    private var lower: Bound?
    private var upper: Bound?
    private let text: String

    /// Reads a range.
    ///
    /// - Parameter text: The range, in one of the forms above.
    /// - Throws: A ``ValidationError`` for the field `version`.
    public init(_ text: some StringProtocol) throws(ValidationError) {
        self.text = String(text)
        let parts = text.split(separator: " ")
        guard !parts.isEmpty else {
            throw ValidationError(field: "version", message: "a version range must not be empty; '*' means any version")
        }
        for part in parts {
            try self.narrow(Substring(part))
        }
    }

    /// Whether `version` lies in the range.
    public func contains(_ version: SemanticVersion) -> Bool {
        if let lower = self.lower {
            guard lower.included ? !Self.precedes(version, lower.version) : Self.precedes(lower.version, version) else {
                return false
            }
        }
        guard let upper = self.upper else { return true }
        guard upper.included ? !Self.precedes(upper.version, version) : Self.precedes(version, upper.version) else {
            return false
        }
        let isPrereleaseOfBound =
            !version.prerelease.isEmpty && upper.version.prerelease.isEmpty && !upper.included
            && (version.major, version.minor, version.patch)
                == (upper.version.major, upper.version.minor, upper.version.patch)
        return !isPrereleaseOfBound
    }

    /// Order without build data, which semver.org leaves out of precedence.
    private static func precedes(_ lhs: SemanticVersion, _ rhs: SemanticVersion) -> Bool {
        lhs.withoutBuild < rhs.withoutBuild
    }

    private mutating func narrow(_ part: Substring) throws(ValidationError) {
        if part == "*" { return }
        for symbol in [">=", "<=", ">", "<", "=", "^", "~"] where part.hasPrefix(symbol) {
            let rest = part.dropFirst(symbol.count)
            let version = try SemanticVersion(rest)
            switch symbol {
            case ">=": self.raise(to: Bound(version: version, included: true))
            case ">": self.raise(to: Bound(version: version, included: false))
            case "<=": self.cap(at: Bound(version: version, included: true))
            case "<": self.cap(at: Bound(version: version, included: false))
            case "=": self.pin(to: version)
            case "^": self.span(from: version, below: version.nextBreaking(given: Self.count(rest)))
            default: self.span(from: version, below: version.nextMinor(given: Self.count(rest)))
            }
            return
        }
        self.pin(to: try SemanticVersion(part))
    }

    private static func count(_ text: Substring) -> Int {
        text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".").count
    }

    private mutating func pin(to version: SemanticVersion) {
        self.raise(to: Bound(version: version, included: true))
        self.cap(at: Bound(version: version, included: true))
    }

    private mutating func span(from lower: SemanticVersion, below upper: SemanticVersion) {
        self.raise(to: Bound(version: lower, included: true))
        self.cap(at: Bound(version: upper, included: false))
    }

    private mutating func raise(to bound: Bound) {
        guard let present = self.lower else { return self.lower = bound }
        let isNarrower =
            Self.precedes(present.version, bound.version)
            || (!Self.precedes(bound.version, present.version) && !bound.included)
        if isNarrower { self.lower = bound }
    }

    private mutating func cap(at bound: Bound) {
        guard let present = self.upper else { return self.upper = bound }
        let isNarrower =
            Self.precedes(bound.version, present.version)
            || (!Self.precedes(present.version, bound.version) && !bound.included)
        if isNarrower { self.upper = bound }
    }
}

extension VersionRange: CustomStringConvertible {
    /// The text form.
    public var description: String { self.text }
}

extension SemanticVersion {
    fileprivate var withoutBuild: SemanticVersion {
        self.build.isEmpty ? self : SemanticVersion(self.major, self.minor, self.patch, prerelease: self.prerelease)
    }

    /// The first version that `^` leaves out: the left-most number that is not zero, or the last one given, goes up.
    fileprivate func nextBreaking(given count: Int) -> SemanticVersion {
        if self.major > 0 || count == 1 { return SemanticVersion(self.major.raised) }
        if self.minor > 0 || count == 2 { return SemanticVersion(0, self.minor.raised) }
        return SemanticVersion(0, 0, self.patch.raised)
    }

    /// The first version that `~` leaves out.
    fileprivate func nextMinor(given count: Int) -> SemanticVersion {
        count == 1 ? SemanticVersion(self.major.raised) : SemanticVersion(self.major, self.minor.raised)
    }
}

extension UInt64 {
    fileprivate var raised: UInt64 { self == .max ? .max : self + 1 }
}
