import Rollcall
import Synchronization

/// What a socket does when it speaks TLS.
extension Socket {
    /// The protocol that both sides of a TLS connection agreed on; `nil` when they did on none, or speak no TLS.
    package var applicationProtocol: String? { self.tls?.chosenProtocol }

    /// Makes the TLS connection inside one that was made.
    ///
    /// - Parameter deadline: When to give up.
    /// - Throws: `untrusted`, `malformed`, `refused`, `timeout`, or `closed` after ``abort()``.
    func shakeHands(until deadline: TimeSource.Instant) async throws(ConnectionError) {
        guard let tls else { return }
        while true {
            switch tls.shakeHands(on: self.descriptor) {
            case .done:
                // Something may have come behind the handshake, which the loop told of already.
                return self.state.withLock { $0.reading.isReady = true }
            case .mustWait(let direction): try await self.wait(direction, until: deadline)
            case .failed(let error): throw error
            }
        }
    }

    /// Reads what is there, after the readiness for it was taken.
    ///
    /// - Returns: The number of bytes; 0 at the end; `nil` when nothing is there.
    func receive(
        into body: ((UnsafeMutableRawBufferPointer) -> Int) -> Int,
        through tls: TLSSession
    ) throws(ConnectionError) -> Int? {
        var reading = TLSSession.Reading.nothing
        _ = body { buffer in
            reading = tls.read(into: buffer, from: self.descriptor)
            return switch reading {
            case .bytes(let count, _): count
            case .end: 0
            case .nothing, .failed: -1
            }
        }
        switch reading {
        case .bytes(let count, let hasMore):
            // What was received and not read is nothing that the loop would tell of.
            self.state.withLock { if hasMore || $0.isHungUp { $0.reading.isReady = true } }
            return count
        case .end:
            self.state.withLock { $0.reading.isReady = true }
            return 0
        case .nothing: return nil
        case .failed(let error):
            self.state.withLock { $0.reading.isReady = true }
            throw error
        }
    }
}
