import Rollcall
import Synchronization

/// What a socket speaks TLS with: it reads from the descriptor and writes to it, and never waits.
///
/// One task may read while another writes: both change OpenSSL's state, each for as long as a call takes.
final class TLSSession: Sendable {
    /// What came of an attempt.
    enum Attempt {
        /// It is done.
        case done
        /// More must come, or go, first.
        case mustWait(Socket.Direction)
        /// The connection is at its end.
        case failed(ConnectionError)
    }

    /// What there was to read.
    enum Reading {
        /// This many bytes; perhaps there are more.
        case bytes(Int, hasMore: Bool)
        /// Nothing yet.
        case nothing
        /// The peer said that nothing more comes.
        case end
        /// The connection is at its end.
        case failed(ConnectionError)
    }

    /// The caller's memory, for as long as a call takes.
    ///
    /// What is behind the lock must not hold on to a pointer of the caller's, which the compiler would take it to do.
    private struct Memory: Sendable {
        private let address: UInt
        private let count: Int

        init(_ buffer: UnsafeRawBufferPointer) {
            self.address = UInt(bitPattern: buffer.baseAddress)
            self.count = buffer.count
        }

        var buffer: UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: self.address), count: self.count)
        }
    }

    /// How much is said at once: several records, few calls of the system.
    private static let pieceSize = 65536

    private let peer: TLSPeer
    private let state: Mutex<State>

    /// Begins a connection.
    ///
    /// - Parameters:
    ///   - peer: Whom it goes to.
    ///   - context: What connections of the same configuration share.
    ///   - protocols: What may be spoken inside, the best first.
    /// - Throws: `untrusted` when OpenSSL refuses.
    init(to peer: TLSPeer, _ context: TLSContext, protocols: [String]) throws(ConnectionError) {
        self.peer = peer
        do throws(TLSFailure) {
            self.state = Mutex(State(machine: try TLSMachine.begin(context, to: peer.name, protocols: protocols)))
        } catch {
            throw peer.error(.untrusted, "\(peer.name.quotedForDisplay) cannot be verified: \(error.text)")
        }
    }

    /// The protocol that both sides agreed on, once the handshake is over.
    var chosenProtocol: String? { self.state.withLock { $0.machine.chosenProtocol } }

    /// Goes on with the handshake.
    func shakeHands(on descriptor: Int32) -> Attempt {
        self.state.withLock { state in
            while true {
                do throws(TLSFailure) {
                    let isOver = try state.machine.shakeHands()
                    if let error = state.flush(to: descriptor) { return .failed(self.broken(error)) }
                    guard state.output.isEmpty else { return .mustWait(.writing) }
                    if isOver { return .done }
                } catch {
                    // The peer is told why, if it listens.
                    _ = state.flush(to: descriptor)
                    return .failed(self.peer.error(error, isHandshake: true))
                }
                switch state.receive(from: descriptor) {
                case .bytes: continue
                case .nothing: return .mustWait(.reading)
                case .end: return .failed(self.peer.error(.refused, "the server ended the connection in the handshake"))
                case .failed(let error): return .failed(self.broken(error))
                }
            }
        }
    }

    /// Reads what is there.
    ///
    /// - Parameters:
    ///   - buffer: Where to.
    ///   - descriptor: Where from.
    /// - Returns: What there was.
    func read(into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32) -> Reading {
        let memory = Memory(UnsafeRawBufferPointer(buffer))
        return self.state.withLock { state in
            while true {
                do throws(TLSFailure) {
                    switch try state.machine.read(into: memory.buffer) {
                    case .bytes(let count):
                        return .bytes(count, hasMore: state.hasMore || state.machine.hasPending)
                    case .end: return .end
                    case .needsInput: break
                    }
                } catch {
                    return .failed(self.peer.error(error, isHandshake: false))
                }
                switch state.receive(from: descriptor) {
                case .bytes: continue
                case .nothing: return .nothing
                case .end: return .failed(self.cutOff)
                case .failed(let error): return .failed(self.broken(error))
                }
            }
        }
    }

    /// Whether something came that nobody read: bytes, the end, or why the connection broke.
    func hasUnread(on descriptor: Int32) -> Bool {
        self.state.withLock { state in
            while true {
                guard case .needsInput? = try? state.machine.peek() else { return true }
                switch state.receive(from: descriptor) {
                case .bytes: continue
                case .nothing: return false
                case .end, .failed: return true
                }
            }
        }
    }

    /// Writes what the system takes at once.
    ///
    /// A record goes whole or not at all, so that what was taken of `bytes` may still wait here. It counts only when it
    /// is on its way: who writes waits and offers the same bytes again.
    ///
    /// - Parameters:
    ///   - bytes: What to write, first what was not counted before.
    ///   - descriptor: Where to.
    /// - Returns: How many bytes are on their way.
    /// - Throws: `broken`, or `untrusted` when the server refused the client before it took anything.
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(ConnectionError) -> Int {
        let memory = Memory(bytes)
        let result: Result<Int, ConnectionError> = self.state.withLock { state in
            let bytes = UnsafeRawBufferPointer(memory.buffer)
            var count = 0
            while true {
                let former = state.sent
                if let error = state.flush(to: descriptor) {
                    return .failure(self.reason(of: error, in: &state, descriptor))
                }
                guard state.output.isEmpty else {
                    // Something is owed as long as not all is gone; the rest shows that the peer takes bytes.
                    let progress = min(max(0, state.owed - 1), state.sent - former)
                    state.owed -= progress
                    return .success(count + progress)
                }
                count += state.owed
                state.owed = 0
                guard count < bytes.count else { return .success(bytes.count) }
                let piece = UnsafeRawBufferPointer(rebasing: bytes[count..<min(bytes.count, count + Self.pieceSize)])
                do throws(TLSFailure) {
                    try state.machine.write(piece)
                    state.owed = piece.count
                    state.machine.takeOutput(into: &state.output)
                } catch {
                    return .failure(self.peer.error(error, isHandshake: false))
                }
            }
        }
        return try result.get()
    }

    /// Tells the peer that nothing more comes, if that can be told at once.
    func close(on descriptor: Int32) {
        self.state.withLock { state in
            // In the middle of a record nothing else may be said.
            guard state.output.isEmpty else { return }
            state.machine.close()
            _ = state.flush(to: descriptor)
        }
    }

    /// Why the connection broke: what the server said before it closed tells more than that it did.
    private func reason(of error: SystemError, in state: inout State, _ descriptor: Int32) -> ConnectionError {
        while true {
            do throws(TLSFailure) {
                guard case .needsInput = try state.machine.peek() else { return self.broken(error) }
            } catch {
                return self.peer.error(error, isHandshake: false)
            }
            guard case .bytes = state.receive(from: descriptor) else { return self.broken(error) }
        }
    }

    private func broken(_ error: SystemError) -> ConnectionError { ConnectionError(.broken, error.description) }

    private var cutOff: ConnectionError {
        self.peer.error(.broken, "the connection was cut: what came last may not be all")
    }
}
