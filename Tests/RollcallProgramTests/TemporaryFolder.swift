import Foundation

/// A folder that is there for one test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "rollcall-program-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    /// Writes a file in it.
    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self.path + "/" + name))
    }

    /// What a file in it holds; empty while it is not there.
    func read(_ name: String) -> String {
        (try? String(contentsOfFile: self.path + "/" + name, encoding: .utf8)) ?? ""
    }
}
