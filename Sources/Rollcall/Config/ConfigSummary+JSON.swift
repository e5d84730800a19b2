#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConfigSummary {
    /// Writes the members of the object that the summary is in JSON, the same everywhere.
    package func writeMembers(to writer: inout JSONWriter) {
        writer.key("key")
        writer.string(self.key.text)
        if !self.name.isEmpty {
            writer.key("name")
            writer.string(self.name)
        }
        writer.key("version")
        writer.integer(self.version)
        writer.key("revision")
        writer.string(self.revision.text)
        writer.key("contentType")
        writer.string(self.format.mediaType)
        writer.key("size")
        writer.integer(self.size)
        if let milliseconds = self.modifiedAt.flatMap({ Timestamp.milliseconds(of: $0) }) {
            writer.key("modifiedAt")
            writer.string(Timestamp.text(milliseconds))
        }
    }
}

extension ConfigContent {
    /// Writes the member that holds the bytes: `content` where they are a text, else `contentBase64`.
    package func writeMember(to writer: inout JSONWriter) {
        if let text = self.text {
            writer.key("content")
            writer.string(text)
        } else {
            writer.key("contentBase64")
            writer.string(Data(self.bytes).base64EncodedString())
        }
    }
}
