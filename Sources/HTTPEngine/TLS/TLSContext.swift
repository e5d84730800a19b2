import COpenSSL
import Rollcall
import Synchronization

/// What connections of one configuration share: whom they trust, what they prove themselves with.
final class TLSContext: Sendable {
    /// OpenSSL's context, which counts who uses it.
    private struct Handle: ~Copyable {
        let pointer: OpaquePointer

        deinit {
            SSL_CTX_free(self.pointer)
        }
    }

    private struct Entry {
        let context: TLSContext
        let stamps: [FileStamp?]
    }

    /// The most configurations that are remembered, far beyond what one program has.
    private static let limit = 64
    private static let entries = Mutex<[TLSConfiguration: Entry]>([:])
    private let handle: Mutex<Handle>

    /// Reads the files of a configuration, which blocks.
    ///
    /// - Parameter configuration: What names the files.
    /// - Throws: `untrusted` that names the file and what is wrong with it.
    init(reading configuration: TLSConfiguration) throws(ConnectionError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_client_method()) else {
            throw ConnectionError(.untrusted, "TLS cannot be set up: \(TLSFailure().text)", isLocal: true)
        }
        let handle = Handle(pointer: pointer)
        guard copenssl_prepare(pointer) == 1 else {
            throw ConnectionError(.untrusted, "TLS cannot be set up: \(TLSFailure().text)", isLocal: true)
        }
        // OpenSSL would ask for a passphrase at the terminal.
        SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in -1 }
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        try TLSFiles(configuration).load(into: pointer)
        self.handle = Mutex(handle)
    }

    /// The context of a configuration, made anew when a file has changed since.
    ///
    /// - Parameter configuration: What names the files.
    /// - Returns: The context.
    /// - Throws: `untrusted` that names the file and what is wrong with it.
    static func current(for configuration: TLSConfiguration) async throws(ConnectionError) -> TLSContext {
        let stamps = TLSFiles(configuration).stamps
        let known = Self.entries.withLock { entries in
            entries[configuration].flatMap { $0.stamps == stamps ? $0.context : nil }
        }
        if let known { return known }
        let made: Result<TLSContext, ConnectionError>
        do throws(SystemError) {
            // Reading all that a system trusts takes tens of milliseconds, for which no loop should stand still.
            made = try await SystemThread.run {
                do throws(ConnectionError) {
                    return .success(try TLSContext(reading: configuration))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw ConnectionError(.refused, "TLS cannot be set up: \(error)", isLocal: true)
        }
        let context = try made.get()
        Self.entries.withLock { entries in
            if entries.count >= Self.limit { entries = [:] }
            // The stamps of before: a file that changed while it was read is read again.
            entries[configuration] = Entry(context: context, stamps: stamps)
        }
        return context
    }

    /// Makes the state of one connection.
    ///
    /// - Returns: OpenSSL's state, for its taker to free; `nil` when memory is short.
    func makeConnection() -> OpaquePointer? {
        let address = self.handle.withLock { handle in
            SSL_new(handle.pointer).map { UInt(bitPattern: $0) }
        }
        return address.flatMap { OpaquePointer(bitPattern: $0) }
    }
}
