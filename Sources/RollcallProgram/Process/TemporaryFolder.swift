#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A folder that only this user can look into, gone with the value.
final class TemporaryFolder: Sendable {
    /// Its path.
    let path: String

    /// Makes a folder in the system's place for such.
    ///
    /// - Parameter name: What its name begins with.
    /// - Throws: A ``AttemptError``.
    init(named name: String) throws(AttemptError) {
        let place = FileManager.default.temporaryDirectory.path
        var template = Array("\(place)/\(name).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw AttemptError(errno, "make a folder in \(place)") }
        self.path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        self.remove()
    }

    /// Removes it before its time, for a process that ends at once.
    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}
