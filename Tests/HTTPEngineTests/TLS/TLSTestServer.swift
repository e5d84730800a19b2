import COpenSSL
import HTTPEngine
import Rollcall
import RollcallTesting
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A server that speaks TLS by OpenSSL's other side, on threads that block: it shares nothing with what is tested.
final class TLSTestServer: Sendable {
    /// How it behaves.
    struct Options {
        var tls: ServerTLS
        var protocols: [String] = []
        /// The newest version of TLS that it speaks.
        var newest = TLS1_3_VERSION
    }

    let origin: @Sendable (TLSConfiguration) -> Origin
    let port: Int
    /// How many handshakes came to a good end.
    let handshakes = Tally()
    private let listener: Int32

    /// Listens on a free port of 127.0.0.1 and answers until the value goes.
    ///
    /// - Parameters:
    ///   - options: How it behaves.
    ///   - serve: What it does with a connection, which is closed afterwards.
    /// - Throws: `unavailable` when the system gives no port or no thread.
    init(_ options: Options, _ serve: @escaping @Sendable (TLSTestConnection) -> Void) throws {
        let bound = try BoundPort()
        let port = bound.port
        self.port = port
        self.origin = { Origin(host: "127.0.0.1", port: port, tls: $0) }
        let listener = bound.take()
        self.listener = listener
        let handshakes = self.handshakes
        try SystemThread.start {
            guard let context = Self.makeContext(options) else { return }
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                guard let ssl = SSL_new(context) else { continue }
                let address = UInt(bitPattern: ssl)
                try? SystemThread.start {
                    guard let ssl = OpaquePointer(bitPattern: address) else { return }
                    SSL_set_fd(ssl, descriptor)
                    if SSL_accept(ssl) == 1 {
                        handshakes.add()
                        serve(TLSTestConnection(ssl: ssl, descriptor: descriptor))
                    }
                    SSL_free(ssl)
                    close(descriptor)
                }
            }
            SSL_CTX_free(context)
        }
    }

    deinit {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    private static func makeContext(_ options: Options) -> OpaquePointer? {
        signal(SIGPIPE, SIG_IGN)
        guard let context = SSL_CTX_new(TLS_server_method()) else { return nil }
        SSL_CTX_use_certificate_chain_file(context, options.tls.certificateFile)
        SSL_CTX_use_PrivateKey_file(context, options.tls.keyFile, SSL_FILETYPE_PEM)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_VERSION), nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(options.newest), nil)
        SSL_CTX_set_security_level(context, 0)
        if let authority = options.tls.clientAuthorityFile {
            SSL_CTX_load_verify_file(context, authority)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        if options.protocols.first == "h2" {
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, chosen, length, offered, count, _ in
                    let wanted: [UInt8] = [2, 0x68, 0x32]
                    var result: UnsafeMutablePointer<UInt8>?
                    let status = SSL_select_next_proto(&result, length, wanted, 3, offered, count)
                    // The choice must point into what was offered, as `wanted` is about to go.
                    guard status == OPENSSL_NPN_NEGOTIATED, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                    var index = 0
                    while index < Int(count), offered[index] != 2 || offered[index + 1] != 0x68 {
                        index += Int(offered[index]) + 1
                    }
                    chosen?.pointee = offered + index + 1
                    return SSL_TLSEXT_ERR_OK
                },
                nil
            )
        }
        return context
    }
}

/// A connection of the server.
struct TLSTestConnection {
    let ssl: OpaquePointer
    let descriptor: Int32

    /// Reads what is there; empty at the end.
    func read(upTo limit: Int = 65536) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Int(SSL_read(self.ssl, buffer.baseAddress, Int32(limit))))
        }
    }

    /// Reads exactly so many bytes, or fewer at the end.
    func readAll(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = self.read(upTo: min(65536, count - bytes.count))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Reads the head of a request, and what came behind it.
    func readHead() -> (head: String, rest: [UInt8])? {
        var bytes: [UInt8] = []
        while true {
            if let end = bytes.indices.first(where: { bytes[$0...].starts(with: Array("\r\n\r\n".utf8)) }) {
                return (String(decoding: bytes[..<end], as: UTF8.self), Array(bytes[(end + 4)...]))
            }
            let piece = self.read()
            if piece.isEmpty { return nil }
            bytes += piece
        }
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool { bytes.isEmpty || SSL_write(self.ssl, bytes, Int32(bytes.count)) > 0 }

    @discardableResult
    func write(_ text: String) -> Bool { self.write(Array(text.utf8)) }

    /// Says that nothing more comes.
    func sayEnd() { SSL_shutdown(self.ssl) }
}

/// Answers each request with its own body, as long as requests come.
func echo(_ connection: TLSTestConnection) {
    while let (head, rest) = connection.readHead() {
        let field = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        let count = field.flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) } ?? 0
        let body = rest + connection.readAll(count - rest.count)
        guard connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n"), connection.write(body)
        else { return }
    }
}
