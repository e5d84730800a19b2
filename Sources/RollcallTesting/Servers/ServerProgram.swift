#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A server program that tests run on: one version of it.
package struct ServerProgram: Hashable, Sendable, CustomStringConvertible {
    /// Which program.
    package let kind: Kind
    /// Its version, such as `3.4.23`.
    package let version: String
    /// Where it is.
    package let path: String

    /// The text form, such as `etcd 3.4.23`.
    package var description: String { "\(self.kind.name) \(self.version)" }

    /// Whether it is at least some version.
    package func isAtLeast(_ version: String) -> Bool {
        !Self.numbers(of: self.version).lexicographicallyPrecedes(Self.numbers(of: version))
    }

    private static func numbers(of version: String) -> [Int] {
        version.split(separator: ".").map { Int($0) ?? 0 }
    }

    /// Finds all versions of a program.
    ///
    /// It looks at what the variable names, then into the folder `BACKENDS_DIR`, then at what `scripts/backends` gathered
    /// under `.build/backends`, then along `PATH`. The first found of each version counts.
    ///
    /// - Parameters:
    ///   - kind: Which program.
    ///   - environment: The variables.
    ///   - folder: The folder of the package.
    /// - Returns: One of each version, the oldest first.
    package static func find(
        _ kind: Kind,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        folder: String = FileManager.default.currentDirectoryPath
    ) -> [ServerProgram] {
        var programs: [String: ServerProgram] = [:]
        for path in Self.candidates(for: kind, environment: environment, folder: folder) {
            guard FileManager.default.isExecutableFile(atPath: path), let version = Self.version(of: kind, at: path),
                programs[version] == nil
            else { continue }
            programs[version] = ServerProgram(kind: kind, version: version, path: path)
        }
        return programs.values.sorted { !$0.isAtLeast($1.version) }
    }

    private static func candidates(for kind: Kind, environment: [String: String], folder: String) -> [String] {
        var paths: [String] = []
        if let path = environment[kind.variable] { paths.append(path) }
        for folder in [environment["BACKENDS_DIR"], folder + "/.build/backends"].compactMap(\.self) {
            let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            paths.append("\(folder)/\(kind.name)")
            paths += entries.filter { $0.hasPrefix(kind.name + "-") }.sorted().map { "\(folder)/\($0)/\(kind.name)" }
        }
        paths += (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(kind.name)" }
        return paths
    }

    private static func version(of kind: Kind, at path: String) -> String? {
        // What was gathered says it in its folder's name, which is quicker than asking.
        let parts = path.split(separator: "/")
        if let folder = parts.dropLast().last, folder.hasPrefix(kind.name + "-") {
            return String(folder.dropFirst(kind.name.count + 1))
        }
        guard let said = try? SpawnedProgram.output(of: [path, kind.versionArgument]) else { return nil }
        return Self.version(in: said)
    }

    /// The first version that stands in a text.
    ///
    /// - Parameter text: What a program says of itself, such as `etcd Version: 3.4.23`.
    /// - Returns: The version, or `nil` when the text has none.
    static func version(in text: String) -> String? {
        for word in text.split(whereSeparator: { !$0.isNumber && $0 != "." }) {
            let numbers = word.split(separator: ".", omittingEmptySubsequences: false)
            if numbers.count >= 3, numbers.allSatisfy({ Int($0) != nil }) {
                return numbers.prefix(3).joined(separator: ".")
            }
        }
        return nil
    }
}

extension ServerProgram {
    /// A program that there is a driver for, or its own client.
    package struct Kind: Hashable, Sendable {
        /// Its name.
        package let name: String
        /// The variable that may name it.
        package let variable: String
        /// What makes it tell its version.
        let versionArgument: String

        /// etcd.
        package static let etcd = Kind(name: "etcd", variable: "ETCD_BIN", versionArgument: "--version")
        /// etcd's own client.
        package static let etcdctl = Kind(name: "etcdctl", variable: "ETCDCTL_BIN", versionArgument: "version")
        /// Consul.
        package static let consul = Kind(name: "consul", variable: "CONSUL_BIN", versionArgument: "version")
    }

    /// All versions of etcd that are here.
    package static let etcd = ServerProgram.find(.etcd)
    /// All versions of etcd's own client that are here.
    package static let etcdctl = ServerProgram.find(.etcdctl)
    /// All versions of Consul that are here.
    package static let consul = ServerProgram.find(.consul)

    /// All versions of a program that are here.
    package static func all(_ kind: Kind) -> [ServerProgram] {
        switch kind {
        case .etcd: Self.etcd
        case .etcdctl: Self.etcdctl
        case .consul: Self.consul
        default: Self.find(kind)
        }
    }

    /// Why tests of a program do not run.
    package static func skipReason(_ kind: Kind) -> String {
        "\(kind.name) is not here: `scripts/backends` says how to get it, docs/testing.md how to name one"
    }

    /// What `REQUIRED_BACKENDS` names and is not here.
    ///
    /// - Parameters:
    ///   - environment: The variables.
    ///   - kinds: The programs to look for.
    ///   - packages: The packages of Python that drive one.
    /// - Returns: The names, in the variable's order.
    package static func missing(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        of kinds: [Kind] = [.etcd, .etcdctl, .consul],
        and packages: [PythonPackage] = [.consul]
    ) -> [String] {
        (environment["REQUIRED_BACKENDS"] ?? "").split(separator: ",").map(String.init).filter { name in
            if let package = packages.first(where: { $0.description == name }) { return !package.isHere }
            guard let kind = kinds.first(where: { $0.name == name }) else { return true }
            return Self.all(kind).isEmpty
        }
    }
}
