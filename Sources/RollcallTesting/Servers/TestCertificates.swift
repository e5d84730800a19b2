package import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Certificates for tests, in files of a temporary folder that goes with the value.
package final class TestCertificates: Sendable {
    /// The folder.
    package let folder: String

    /// Writes the files.
    ///
    /// - Throws: An error of the file system.
    package init() throws {
        self.folder = FileManager.default.temporaryDirectory.path + "/rollcall-certificates-\(UUID().uuidString)"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        try FileManager.default.createDirectory(
            atPath: self.folder,
            withIntermediateDirectories: true,
            attributes: attributes
        )
        for (name, content) in Self.contents { try self.write(content, to: name) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    /// Puts something else into a file, as whoever renews a certificate does: beside it first.
    ///
    /// - Parameters:
    ///   - content: What it is to hold.
    ///   - name: The file's name.
    /// - Throws: An error of the file system.
    package func write(_ content: String, to name: String) throws {
        try Data((content + "\n").utf8).write(to: URL(fileURLWithPath: self.path(name)), options: .atomic)
    }

    /// The path of a file, there or not.
    package func path(_ name: String) -> String { self.folder + "/" + name }

    /// What a file holds that all tests begin with.
    package static func content(_ name: String) -> String { Self.contents[name] ?? "" }

    /// The authority of all but ``stranger``.
    package var ca: String { self.path("ca.pem") }
    /// An authority of nobody but ``stranger``.
    package var otherCA: String { self.path("other-ca.pem") }

    /// For a server that is `localhost`, `127.0.0.1` and `::1`.
    package var server: ServerTLS { self.server("server") }
    /// For a server whose certificate has expired.
    package var expired: ServerTLS { self.server("expired") }
    /// For a server that is `elsewhere.test`.
    package var elsewhere: ServerTLS { self.server("elsewhere") }
    /// For a server that wants its clients to prove themselves, too.
    package var mutual: ServerTLS {
        var server = self.server
        server.clientAuthorityFile = self.ca
        return server
    }

    /// What a client proves itself with.
    package var client: TLSConfiguration.ClientCertificate { self.identity("client") }
    /// What a client has that no server knows.
    package var stranger: TLSConfiguration.ClientCertificate { self.identity("stranger") }

    private func server(_ name: String) -> ServerTLS {
        ServerTLS(certificateFile: self.path(name + ".pem"), keyFile: self.path(name + ".key"))
    }

    private func identity(_ name: String) -> TLSConfiguration.ClientCertificate {
        .init(certificateFile: self.path(name + ".pem"), keyFile: self.path(name + ".key"))
    }
}
