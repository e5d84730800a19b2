/// A version by the rules of semver.org 2.0.0, of which the minor and patch numbers may be left out on input.
public struct SemanticVersion: Hashable, Sendable {
    /// The first number: incompatible changes.
    public let major: UInt64
    /// The second number: additions.
    public let minor: UInt64
    /// The third number: corrections.
    public let patch: UInt64
    /// What stands between `-` and `+`, in its dot-separated parts; not empty means before the release.
    public let prerelease: [String]
    /// What stands behind `+`.
    ///
    /// It takes no part in order, but in equality.
    public let build: String

    /// Creates a release version.
    public init(_ major: UInt64, _ minor: UInt64 = 0, _ patch: UInt64 = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.prerelease = []
        self.build = ""
    }

    init(_ major: UInt64, _ minor: UInt64, _ patch: UInt64, prerelease: [String]) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.prerelease = prerelease
        self.build = ""
    }

    /// Reads a version such as `1.4.2`, `2`, `1.0.0-rc.1+5` or `v1.4`.
    ///
    /// - Parameter text: The version, at most 128 bytes.
    /// - Throws: A ``ValidationError`` for the field `version`.
    public init(_ text: some StringProtocol) throws(ValidationError) {
        let fault = ValidationError(
            field: "version",
            message: "\(text.quotedForDisplay) is not a semantic version such as 1.4.2 or 2.0.0-rc.1"
        )
        guard text.utf8.count <= 128 else { throw fault }
        var rest = Substring(text)
        if rest.first == "v" { rest.removeFirst() }
        var build = ""
        if let plus = rest.firstIndex(of: "+") {
            build = String(rest[rest.index(after: plus)...])
            guard Self.identifiers(build) != nil else { throw fault }
            rest = rest[..<plus]
        }
        var prerelease: [String] = []
        if let dash = rest.firstIndex(of: "-") {
            guard let parts = Self.identifiers(rest[rest.index(after: dash)...]) else { throw fault }
            guard !parts.contains(where: { $0.count > 1 && $0.first == "0" && $0.utf8.allSatisfy(\.isDigit) }) else {
                throw fault
            }
            prerelease = parts
            rest = rest[..<dash]
        }
        guard let numbers = Self.numbers(rest) else { throw fault }
        self.major = numbers[0]
        self.minor = numbers.count > 1 ? numbers[1] : 0
        self.patch = numbers.count > 2 ? numbers[2] : 0
        self.prerelease = prerelease
        self.build = build
        // The text form may be longer than what was read: missing numbers are written out.
        guard self.description.utf8.count <= 128 else { throw fault }
    }

    /// One to three numbers without leading zeros, or `nil`.
    static func numbers(_ text: Substring) -> [UInt64]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var numbers: [UInt64] = []
        for part in parts {
            guard part.utf8.allSatisfy(\.isDigit), part == "0" || part.first != "0", let number = UInt64(part) else {
                return nil
            }
            numbers.append(number)
        }
        return numbers
    }

    private static func identifiers(_ text: some StringProtocol) -> [String]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let legal = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { $0.isDigit || $0.isASCIILetter || $0 == UInt8(ascii: "-") }
        }
        return legal ? parts.map { String($0) } : nil
    }
}

extension SemanticVersion: Comparable {
    /// Orders by rule 11 of semver.org; build data counts only between otherwise equal versions, to make the order total.
    public static func < (lhs: Self, rhs: Self) -> Bool {
        let left = (lhs.major, lhs.minor, lhs.patch)
        let right = (rhs.major, rhs.minor, rhs.patch)
        guard left == right else { return left < right }
        guard lhs.prerelease == rhs.prerelease else { return Self.precedes(lhs.prerelease, rhs.prerelease) }
        return lhs.build.utf8.lexicographicallyPrecedes(rhs.build.utf8)
    }

    private static func precedes(_ lhs: [String], _ rhs: [String]) -> Bool {
        if lhs.isEmpty || rhs.isEmpty { return !lhs.isEmpty }
        for (left, right) in zip(lhs, rhs) where left != right {
            switch (UInt64(left), UInt64(right)) {
            case (let left?, let right?): return left < right
            case (.some, nil): return true
            case (nil, .some): return false
            case (nil, nil): return left.utf8.lexicographicallyPrecedes(right.utf8)
            }
        }
        return lhs.count < rhs.count
    }
}

extension SemanticVersion: CustomStringConvertible {
    /// The text form.
    public var description: String {
        var text = "\(self.major).\(self.minor).\(self.patch)"
        if !self.prerelease.isEmpty { text += "-" + self.prerelease.joined(separator: ".") }
        if !self.build.isEmpty { text += "+" + self.build }
        return text
    }
}
