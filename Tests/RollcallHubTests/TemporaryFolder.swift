import Foundation

/// A folder that is there for one test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "rollcall-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var journal: String { self.path + "/registry.journal" }

    var contents: [UInt8] {
        get throws { Array(try Data(contentsOf: URL(fileURLWithPath: self.journal))) }
    }

    func write(_ bytes: some Collection<UInt8>) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: self.journal))
    }
}
