#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Makes writes beyond a size fail for this process, as a full disk does, without a disk to fill.
package enum FileSizeLimit {
    /// Runs `body` while no file grows beyond `bytes`.
    ///
    /// The limit holds for the whole process, so that a test calls this in one of its own.
    package static func limiting(to bytes: Int, _ body: () throws -> Void) throws {
        // Without this the system kills the process instead of refusing the write.
        signal(SIGXFSZ, SIG_IGN)
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        #else
        let resource = RLIMIT_FSIZE
        #endif
        var former = rlimit()
        getrlimit(resource, &former)
        var limit = former
        limit.rlim_cur = rlim_t(bytes)
        setrlimit(resource, &limit)
        defer { setrlimit(resource, &former) }
        try body()
    }
}
