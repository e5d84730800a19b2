import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension TLSSession {
    /// What the system had.
    enum Arrival {
        case bytes
        case nothing
        case end
        case failed(SystemError)
    }

    /// OpenSSL's state, and what is on its way between that and the descriptor.
    struct State: ~Copyable {
        var machine: TLSMachine
        /// What is to be sent, of which `sent` was.
        var output: [UInt8] = []
        var sent = 0
        /// How many of the bytes that whoever writes will offer again are in `output` already.
        var owed = 0
        var hasMore = false

        /// Room for one whole record.
        private static let recordSize = 16384 + 512

        /// Sends what is to be sent, as much as the system takes.
        mutating func flush(to descriptor: Int32) -> SystemError? {
            self.machine.takeOutput(into: &self.output)
            while self.sent < self.output.count {
                let count = self.output.withUnsafeBytes { bytes in
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[self.sent...])
                    return send(descriptor, rest.baseAddress, rest.count, SystemCalls.sendFlags)
                }
                if count >= 0 {
                    self.sent += count
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN, EWOULDBLOCK: return nil
                case let number: return SystemError("send", number: number)
                }
            }
            self.output = []
            self.sent = 0
            return nil
        }

        /// Takes from the system what came.
        mutating func receive(from descriptor: Int32) -> Arrival {
            // What an earlier read left to be said, such as that a new key was taken over.
            _ = self.flush(to: descriptor)
            return withUnsafeTemporaryAllocation(byteCount: Self.recordSize, alignment: 1) { buffer in
                while true {
                    let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                    if count > 0 {
                        self.hasMore = count == buffer.count
                        self.machine.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                        return .bytes
                    }
                    if count == 0 { return .end }
                    switch errno {
                    case EINTR: continue
                    case EAGAIN, EWOULDBLOCK:
                        self.hasMore = false
                        return .nothing
                    case let number: return .failed(SystemError("recv", number: number))
                    }
                }
            }
        }
    }
}
