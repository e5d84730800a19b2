import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

@Suite("HTTP/2 machine")
struct HTTP2MachineTests {
    /// A machine that a server of usual settings has greeted.
    private func greeted(_ settings: [UInt8] = []) throws -> HTTP2Machine {
        var machine = HTTP2Machine()
        _ = try machine.take(Wire.frame(4, settings))
        _ = machine.takeOutput()
        return machine
    }

    @Test("it begins with the preface, its settings and a greater window")
    func beginning() throws {
        var machine = HTTP2Machine()
        let output = machine.takeOutput()
        #expect(output.starts(with: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)))
        let kinds = Wire.frames(Array(output.dropFirst(24))).map(\.kind)
        #expect(kinds == [HTTP2Frame.Kind.settings, HTTP2Frame.Kind.windowUpdate])
        _ = try machine.take(Wire.frame(4, []))
        #expect(Wire.frames(machine.takeOutput()).map(\.flags) == [1])
    }

    @Test("before the numbers of streams are used up no further stream is begun")
    func lastStream() throws {
        var machine = HTTP2Machine(nextStream: HTTP2Machine.lastStream - 3)
        _ = try machine.take(Wire.frame(4, []))
        _ = try machine.open([0x83], [], isEnd: true)
        #expect(!machine.isGoingAway)
        let last = try machine.open([0x83], [], isEnd: true)
        #expect(machine.isGoingAway)
        let error = #expect(throws: ConnectionError.self) { try machine.open([0x83], [], isEnd: true) }
        #expect(error?.kind == .refused)
        // What was begun goes on to its end.
        let events = try machine.take(Wire.frame(1, flags: 5, stream: last, [0x88]))
        #expect(events == [.fields(last, [HTTP2Field(":status", "200")], isEnd: true)])
    }

    @Test("a request and its response, however they are cut")
    func exchange() throws {
        for size in [1, 2, 7, 1000] {
            var machine = try self.greeted()
            let stream = try machine.open([0x83], [1, 2, 3], isEnd: true)
            let sent = Wire.frames(machine.takeOutput())
            #expect(sent.map(\.kind) == [HTTP2Frame.Kind.headers, HTTP2Frame.Kind.data])
            #expect(sent.last?.flags == 1)
            let response =
                Wire.frame(1, flags: 4, stream: stream, [0x88]) + Wire.frame(0, stream: stream, [9, 8])
                + Wire.frame(1, flags: 5, stream: stream, [0x89])
            var events: [HTTP2Machine.Event] = []
            for start in stride(from: 0, to: response.count, by: size) {
                events += try machine.take(Array(response[start..<min(response.count, start + size)]))
            }
            #expect(
                events == [
                    .fields(stream, [HTTP2Field(":status", "200")], isEnd: false),
                    .data(stream, [9, 8], isEnd: false),
                    .fields(stream, [HTTP2Field(":status", "204")], isEnd: true),
                ]
            )
            #expect(machine.streamCount == 0)
        }
    }

    @Test("what is sent waits for the windows of stream and connection, and goes on when they grow")
    func windows() throws {
        // INITIAL_WINDOW_SIZE 10
        var machine = try self.greeted([0, 4, 0, 0, 0, 10])
        let stream = try machine.open([0x83], [UInt8](repeating: 1, count: 25), isEnd: true)
        #expect(Wire.bodies(machine.takeOutput()) == [10])
        #expect(machine.waitingBytes(on: stream) == 15)
        _ = try machine.take(Wire.frame(8, stream: stream, [0, 0, 0, 5]))
        #expect(Wire.bodies(machine.takeOutput()) == [5])
        // A greater initial window counts for streams that are open, too.
        _ = try machine.take(Wire.frame(4, [0, 4, 0, 0, 0, 100]))
        let frames = Wire.frames(machine.takeOutput())
        #expect(frames.first { $0.kind == 0 }?.payload.count == 10)
        #expect(frames.first { $0.kind == 0 }?.flags == 1)
        #expect(machine.waitingBytes(on: stream) == 0)
    }

    @Test("a long body goes out in frames of what is usual, as far as the connection's window allows")
    func longBody() throws {
        var machine = try self.greeted([0, 4, 0, 16, 0, 0])
        let stream = try machine.open([0x83], [UInt8](repeating: 1, count: 100_000), isEnd: true)
        #expect(Wire.bodies(machine.takeOutput()) == [16384, 16384, 16384, 16383])
        _ = try machine.take(Wire.frame(8, [0, 1, 0, 0]))
        #expect(Wire.bodies(machine.takeOutput()) == [16384, 16384, 1697])
        #expect(machine.waitingBytes(on: stream) == 0)
    }

    @Test("who sends much is told to go on, on the stream and on the connection")
    func acknowledgement() throws {
        var machine = try self.greeted()
        let stream = try machine.open([0x83], [], isEnd: true)
        _ = try machine.take(Wire.frame(1, flags: 4, stream: stream, [0x88]))
        _ = machine.takeOutput()
        let piece = Wire.frame(0, stream: stream, [UInt8](repeating: 0, count: 16384))
        var updates: [UInt32: Int] = [:]
        for _ in 0..<1024 {
            _ = try machine.take(piece)
            for frame in Wire.frames(machine.takeOutput()) where frame.kind == HTTP2Frame.Kind.windowUpdate {
                updates[frame.stream, default: 0] += Int(HTTP2Frame.number(frame.payload))
            }
        }
        #expect(updates[stream] == 16 << 20)
        #expect(updates[0] == 16 << 20)
    }

    @Test("a farewell ends the streams that the server never looked at, and no more may be begun")
    func goingAway() throws {
        var machine = try self.greeted()
        let first = try machine.open([0x83], [], isEnd: true)
        let second = try machine.open([0x83], [], isEnd: true)
        let events = try machine.take(Wire.frame(7, [0, 0, 0, UInt8(first), 0, 0, 0, 11] + Array("calm".utf8)))
        #expect(
            events == [.reset(second, code: HTTP2Code.refusedStream), .goingAway("enhance your calm, \"calm\"")]
        )
        #expect(machine.streamCount == 1)
        #expect(throws: ConnectionError.self) { try machine.open([0x83], [], isEnd: true) }
    }

    @Test("the server may say how many streams it takes at once")
    func streamLimit() throws {
        var machine = try self.greeted([0, 3, 0, 0, 0, 1])
        let first = try machine.open([0x83], [], isEnd: true)
        #expect(throws: ConnectionError.self) { try machine.open([0x83], [], isEnd: true) }
        machine.reset(first)
        _ = try machine.open([0x83], [], isEnd: true)
    }

    @Test("a ping is answered, and frames that are not known are stepped over")
    func pings() throws {
        var machine = try self.greeted()
        _ = try machine.take(Wire.frame(6, [1, 2, 3, 4, 5, 6, 7, 8]) + Wire.frame(0x42, [1]))
        let frames = Wire.frames(machine.takeOutput())
        #expect(frames.map(\.payload) == [[1, 2, 3, 4, 5, 6, 7, 8]])
        #expect(frames.map(\.flags) == [1])
    }

    @Test("fields for a stream that was given up are read, as those after them refer to them")
    func givenUp() throws {
        var machine = try self.greeted()
        let first = try machine.open([0x83], [], isEnd: true)
        let second = try machine.open([0x83], [], isEnd: true)
        machine.reset(first)
        let kept: [UInt8] = [0x40, 1, 0x61, 1, 0x62]
        #expect(try machine.take(Wire.frame(1, flags: 4, stream: first, kept)) == [])
        let events = try machine.take(Wire.frame(1, flags: 4, stream: second, [0xBE]))
        #expect(events == [.fields(second, [HTTP2Field("a", "b")], isEnd: false)])
    }

    @Test("what breaks a rule is refused", arguments: BrokenRules.all)
    func faults(_ bytes: [UInt8]) throws {
        var machine = try self.greeted()
        _ = try machine.open([0x83], [], isEnd: true)
        #expect(throws: ConnectionError.self) { try machine.take(bytes) }
    }

    @Test("what is no HTTP/2 is refused")
    func strangers() throws {
        var machine = HTTP2Machine()
        let answer = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
        #expect(throws: ConnectionError.self) { try machine.take(answer) }
        var other = HTTP2Machine()
        let ping = Wire.frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(throws: ConnectionError.self) { try other.take(ping) }
    }

    @Test("a block of fields that never ends is refused before it fills the memory")
    func endlessFields() throws {
        var machine = try self.greeted()
        let stream = try machine.open([0x83], [], isEnd: true)
        _ = try machine.take(Wire.frame(1, stream: stream, [0x88]))
        let piece = Wire.frame(9, stream: stream, [UInt8](repeating: 0x88, count: 16000))
        #expect(throws: ConnectionError.self) { for _ in 0..<10 { _ = try machine.take(piece) } }
    }

    @Test("rubbish never crashes")
    func fuzz() throws {
        var generator = SplitMix64(seed: 11)
        let bytes =
            Wire.frame(4, [0, 4, 0, 0, 0, 10]) + Wire.frame(1, flags: 4, stream: 1, [0x88])
            + Wire.frame(0, stream: 1, [1, 2, 3]) + Wire.frame(8, stream: 1, [0, 0, 0, 9])
            + Wire.frame(6, [1, 2, 3, 4, 5, 6, 7, 8]) + Wire.frame(1, flags: 5, stream: 1, [0x40, 1, 0x61, 1, 0x62])
            + Wire.frame(7, [0, 0, 0, 1, 0, 0, 0, 0])
        for _ in 0..<10_000 {
            var machine = HTTP2Machine()
            _ = try machine.open([0x83], [UInt8](repeating: 1, count: 30), isEnd: true)
            _ = try? machine.take(Mutation.of(bytes, using: &generator))
        }
    }
}

/// Frames as a server sends them, and what was sent to it.
private enum Wire {
    static func frame(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        HTTP2Frame(kind: kind, flags: flags, stream: stream, payload: payload).write(to: &output)
        return output
    }

    static func frames(_ bytes: [UInt8]) -> [HTTP2Frame] {
        var rest = bytes[...]
        var frames: [HTTP2Frame] = []
        while rest.count >= HTTP2Frame.headSize {
            let head = Array(rest.prefix(9))
            let length = Int(HTTP2Frame.number(head[0..<3]))
            let payload = Array(rest.dropFirst(9).prefix(length))
            let stream = HTTP2Frame.number(head[5..<9])
            frames.append(HTTP2Frame(kind: head[3], flags: head[4], stream: stream, payload: payload))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }

    static func bodies(_ bytes: [UInt8]) -> [Int] {
        self.frames(bytes).filter { $0.kind == HTTP2Frame.Kind.data }.map(\.payload.count)
    }
}

private enum BrokenRules {
    /// What comes behind the server's settings, and breaks a rule.
    static let all: [[UInt8]] = [
        Wire.frame(4, [1, 2, 3]), Wire.frame(4, flags: 1, [0]), Wire.frame(4, stream: 1, []), Wire.frame(6, [1]),
        Wire.frame(8, [0, 0, 0, 0]), Wire.frame(8, [0x7F, 255, 255, 255]), Wire.frame(0, stream: 3, [1]),
        Wire.frame(1, flags: 4, stream: 2, [0x88]), Wire.frame(0, stream: 1, [1]), Wire.frame(9, stream: 1, [0x88]),
        Wire.frame(1, stream: 1, [0x88]) + Wire.frame(6, [1, 2, 3, 4, 5, 6, 7, 8]),
        Wire.frame(1, flags: 12, stream: 1, [9, 0x88]),
        Wire.frame(5, stream: 1, [0, 0, 0, 2]), Wire.frame(7, [0]), Wire.frame(3, stream: 1, [0]),
        [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1], Wire.frame(4, [0, 4, 0xFF, 0xFF, 0xFF, 0xFF]),
        Wire.frame(4, [0, 5, 0, 0, 0, 1]),
    ]
}

extension HTTP2Machine {
    /// Takes bytes and returns what happened.
    fileprivate mutating func take(_ bytes: [UInt8]) throws -> [Event] {
        var events: [Event] = []
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, ConnectionError> in
            do throws(ConnectionError) {
                try self.receive(buffer) { events.append($0) }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return events
    }
}
