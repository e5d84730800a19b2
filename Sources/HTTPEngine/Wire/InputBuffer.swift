#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What was received and not taken yet.
///
/// It holds no memory while it is empty, so that a connection that rests costs little.
struct InputBuffer {
    /// How much is read at once.
    static let readSize = 16384

    private var storage: [UInt8] = []
    private var start = 0
    private var end = 0
    private var searched = 0

    /// How many bytes there are.
    var count: Int { self.end - self.start }

    var isEmpty: Bool { self.start == self.end }

    /// Lets `read` write behind what there is.
    ///
    /// - Returns: What `read` returned: how much it wrote, or a value below one.
    mutating func fill(_ read: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        if self.start > 0 {
            self.storage.removeSubrange(..<self.start)
            self.end -= self.start
            self.searched = max(0, self.searched - self.start)
            self.start = 0
        }
        if self.storage.count < self.end + Self.readSize { self.grow() }
        let count = self.storage.withUnsafeMutableBytes {
            read(UnsafeMutableRawBufferPointer(rebasing: $0[self.end...]))
        }
        if count > 0 { self.end += count }
        if self.isEmpty { self.release() }
        return count
    }

    private mutating func grow() {
        let size = max(self.end + Self.readSize, self.end * 2)
        // Not zeroed: nobody looks beyond `end`.
        self.storage = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            _ = buffer[..<self.end].update(fromContentsOf: self.storage[..<self.end])
            count = size
        }
    }

    /// Hands over at most `limit` bytes, and forgets them.
    mutating func take(upTo limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        let count = min(limit, self.count)
        guard count > 0 else { return 0 }
        self.storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[self.start..<self.start + count])) }
        self.advance(count)
        return count
    }

    /// Takes the head of a message, or returns `nil` while it is not complete.
    ///
    /// - Throws: A ``MessageError`` for one that never can be.
    mutating func takeHead() throws(MessageError) -> [UInt8]? {
        // A client may send an empty line before a request (RFC 9112 section 2.2).
        while self.count >= 2, self.storage[self.start] == 0x0D, self.storage[self.start + 1] == 0x0A {
            self.advance(2)
        }
        guard !self.isEmpty else { return nil }
        var searched = self.searched
        let found: Result<Int?, MessageError> = self.storage.withUnsafeBytes { bytes in
            do throws(MessageError) {
                let received = UnsafeRawBufferPointer(rebasing: bytes[self.start..<self.end])
                return .success(try HeadParser.length(of: received, searched: &searched))
            } catch {
                return .failure(error)
            }
        }
        self.searched = searched
        guard let length = try found.get() else { return nil }
        let head = Array(self.storage[self.start..<self.start + length])
        self.advance(length)
        return head
    }

    /// Takes a line without its end, or returns `nil` while it is not complete.
    ///
    /// - Throws: A ``MessageError`` for a line feed alone, or a line that is too long.
    mutating func takeLine(maximum: Int) throws(MessageError) -> [UInt8]? {
        guard let feed = self.storage[self.start..<self.end].firstIndex(of: 0x0A) else {
            guard self.count <= maximum else { throw MessageError(400, "a line is too long") }
            return nil
        }
        guard feed > self.start, self.storage[feed - 1] == 0x0D else {
            throw MessageError(400, "a line ends in a line feed alone")
        }
        let line = Array(self.storage[self.start..<feed - 1])
        guard line.count <= maximum, !line.contains(0x0D) else { throw MessageError(400, "a line is too long") }
        self.advance(feed + 1 - self.start)
        return line
    }

    private mutating func advance(_ count: Int) {
        self.start += count
        self.searched = 0
        if self.isEmpty { self.release() }
    }

    private mutating func release() {
        self.start = 0
        self.end = 0
        self.searched = 0
    }

    /// Gives the memory back while nothing is expected soon.
    mutating func shrink() {
        if self.isEmpty { self.storage = [] }
    }
}
