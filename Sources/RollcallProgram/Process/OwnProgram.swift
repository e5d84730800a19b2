#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The program that this process runs.
enum OwnProgram {
    /// The path of its file.
    ///
    /// - Throws: A ``AttemptError`` when the system does not tell.
    static func path() throws(AttemptError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        #if canImport(Darwin)
        var size = UInt32(buffer.count)
        guard _NSGetExecutablePath(&buffer, &size) == 0 else { throw AttemptError(ENAMETOOLONG, "find this program") }
        #else
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            throw AttemptError(errno, "find this program")
        }
        #endif
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
