import Foundation
import Synchronization

/// Makes writes beyond a size fail for this process, as a full disk does, without a disk to fill.
enum FileSizeLimit {
    static func limiting(to bytes: Int, _ body: () throws -> Void) throws {
        // Without this the system kills the process instead of refusing the write.
        signal(SIGXFSZ, SIG_IGN)
        var former = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former)
        var limit = former
        limit.rlim_cur = rlim_t(bytes)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former) }
        try body()
    }
}
