import COpenSSL
import Rollcall

/// The client's side of one TLS connection over bytes in memory: what came goes in, what is to be sent comes out.
struct TLSMachine: ~Copyable {
    /// What is there to read.
    enum Reading: Hashable {
        /// This many bytes were read.
        case bytes(Int)
        /// More must come first.
        case needsInput
        /// The peer said that nothing more comes.
        case end
    }

    private let ssl: OpaquePointer
    // The state owns both.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var failure: TLSFailure?

    /// Begins a connection.
    ///
    /// - Parameters:
    ///   - context: What connections of the same configuration share.
    ///   - name: The server's name, or its address in digits, which its certificate must be for.
    ///   - protocols: What may be spoken inside, the best first.
    /// - Returns: Its state before the handshake.
    /// - Throws: A ``TLSFailure``.
    static func begin(
        _ context: TLSContext,
        to name: String,
        protocols: [String]
    ) throws(TLSFailure) -> TLSMachine {
        ERR_clear_error()
        guard let ssl = context.makeConnection() else { throw TLSFailure() }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw TLSFailure()
        }
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_connect_state(ssl)
        guard Self.expect(name, of: ssl), Self.offer(protocols, by: ssl) else {
            let failure = TLSFailure()
            SSL_free(ssl)
            throw failure
        }
        return TLSMachine(ssl: ssl, incoming: incoming, outgoing: outgoing)
    }

    private init(ssl: OpaquePointer, incoming: OpaquePointer, outgoing: OpaquePointer) {
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
    }

    deinit {
        SSL_free(self.ssl)
    }

    /// The protocol that both sides agreed on, once the handshake is over.
    var chosenProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(self.ssl, &name, &length)
        guard let name, length > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    /// Whether there may be something to read without more input.
    var hasPending: Bool { SSL_has_pending(self.ssl) == 1 || BIO_ctrl_pending(self.incoming) > 0 }

    /// Goes on with the handshake.
    ///
    /// - Returns: Whether it is over; else more must come first.
    /// - Throws: A ``TLSFailure``; there may be output that tells the peer.
    mutating func shakeHands() throws(TLSFailure) -> Bool {
        ERR_clear_error()
        let status = SSL_do_handshake(self.ssl)
        if status == 1 { return true }
        guard SSL_get_error(self.ssl, status) == SSL_ERROR_WANT_READ else { throw self.fail() }
        return false
    }

    /// Takes what came.
    mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        // Memory takes all of it, and each call is given less than a piece of the size of an `int`.
        _ = BIO_write(self.incoming, bytes.baseAddress, Int32(bytes.count))
    }

    /// Reads what the peer said.
    ///
    /// - Throws: A ``TLSFailure``.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSFailure) -> Reading {
        if let failure { throw failure }
        ERR_clear_error()
        var count = 0
        let status = SSL_read_ex(self.ssl, buffer.baseAddress, buffer.count, &count)
        if status == 1 { return .bytes(count) }
        return try self.reading(after: status)
    }

    /// Whether the peer said something, or its end.
    mutating func peek() throws(TLSFailure) -> Reading {
        if let failure { throw failure }
        ERR_clear_error()
        var byte: UInt8 = 0
        var count = 0
        let status = SSL_peek_ex(self.ssl, &byte, 1, &count)
        if status == 1 { return .bytes(count) }
        return try self.reading(after: status)
    }

    /// Says something; what is to be sent for it is output.
    ///
    /// - Throws: A ``TLSFailure``.
    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(TLSFailure) {
        if let failure { throw failure }
        ERR_clear_error()
        var count = 0
        // Memory takes all of it at once.
        guard SSL_write_ex(self.ssl, bytes.baseAddress, bytes.count, &count) == 1, count == bytes.count else {
            throw self.fail()
        }
    }

    /// Says that nothing more comes.
    mutating func close() {
        guard self.failure == nil, SSL_is_init_finished(self.ssl) == 1 else { return }
        ERR_clear_error()
        _ = SSL_shutdown(self.ssl)
        ERR_clear_error()
    }

    /// Moves what is to be sent to `output`.
    mutating func takeOutput(into output: inout [UInt8]) {
        let count = BIO_ctrl_pending(self.outgoing)
        guard count > 0 else { return }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: count))
        let taken = output.withUnsafeMutableBytes { bytes in
            BIO_read(self.outgoing, bytes.baseAddress.map { $0 + start }, Int32(count))
        }
        output.removeLast(count - max(0, Int(taken)))
    }

    private mutating func reading(after status: Int32) throws(TLSFailure) -> Reading {
        switch SSL_get_error(self.ssl, status) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .end
        default: throw self.fail()
        }
    }

    private mutating func fail() -> TLSFailure {
        let failure = TLSFailure(
            verification: Int(SSL_get_verify_result(self.ssl)),
            // The list may be empty, and is there once the server asked.
            wantsCertificate: SSL_get0_peer_CA_list(self.ssl) != nil
        )
        self.failure = failure
        return failure
    }

    /// Lets the certificate be for one name alone.
    private static func expect(_ name: String, of ssl: OpaquePointer) -> Bool {
        if SocketAddress(host: name, port: 0) != nil {
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        }
        // Names stand where they belong, and a star is for one whole label.
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return SSL_set1_host(ssl, name) == 1 && copenssl_set_server_name(ssl, name) == 1
    }

    private static func offer(_ protocols: [String], by ssl: OpaquePointer) -> Bool {
        let list = protocols.flatMap { [UInt8(truncatingIfNeeded: $0.utf8.count)] + Array($0.utf8) }
        // It returns 0 for success.
        return list.isEmpty || SSL_set_alpn_protos(ssl, list, UInt32(list.count)) == 0
    }
}
