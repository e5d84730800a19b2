import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConfigRevision {
    /// The count of changes that it is; the hub gives no other.
    var number: Int64 { Int64(self.text) ?? 0 }
}

extension ConfigEntry {
    /// When it was written, in milliseconds since 1970.
    var modifiedMilliseconds: Int64 { self.modifiedAt.flatMap { Timestamp.milliseconds(of: $0) } ?? 0 }

    /// Finds what was damaged on the disk: SQLite's pages have no checksums.
    var checksum: UInt32 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.content.bytes.count + 256)
        bytes.append(contentsOf: self.key.text.utf8)
        bytes.append(0)
        bytes.append(contentsOf: self.name.utf8)
        bytes.append(0)
        bytes.append(contentsOf: self.content.format.mediaType.utf8)
        bytes.append(0)
        bytes.append(contentsOf: "\(self.version)".utf8)
        bytes.append(0)
        bytes.append(contentsOf: self.content.bytes)
        return CRC32C.checksum(bytes)
    }
}
