import Rollcall
import RollcallTesting
import Testing

@Suite("Support", .timeLimit(.minutes(1)))
struct SupportTests {
    @Test(
        "durations are read and written",
        arguments: [
            ("500ms", Duration.milliseconds(500), "500ms"), ("10s", .seconds(10), "10s"),
            ("1.5s", .milliseconds(1500), "1500ms"),
            ("5m", .seconds(300), "5m"), ("2h", .seconds(7200), "2h"), ("0s", .zero, "0s"), ("60s", .seconds(60), "1m"),
        ]
    )
    func durations(_ text: String, _ duration: Duration, _ written: String) throws {
        #expect(try Duration(text: text, field: "ttl") == duration)
        #expect(duration.text == written)
    }

    @Test(
        "what is no duration is refused",
        arguments: [
            "", "10", "s", "-1s", "+1s", ".5s", "1e3s", "1 s", "1..2s", "10d", "infs", "nans", "99999999999999999999h",
            "1_0s",
        ]
    )
    func badDurations(_ text: String) {
        let error = #expect(throws: ValidationError.self) { try Duration(text: text, field: "ttl") }
        #expect(error?.field == "ttl")
    }

    @Test("CRC-32C gives the values of RFC 3720")
    func crc() {
        #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test("CRC-32C is the same for bytes of any length, wherever they lie", arguments: 0..<40)
    func crcModel(_ count: Int) {
        var generator = SplitMix64(seed: UInt64(count))
        let bytes = (0..<count + 3).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        // Bit by bit, as the polynomial says.
        var sum = ~UInt32(0)
        for byte in bytes[3...] {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        #expect(CRC32C.checksum(bytes[3...]) == ~sum)
        #expect(CRC32C.checksum(AnySequence(bytes[3...])) == ~sum)
    }

    @Test("a mailbox keeps the latest of each key, in the order in which keys came to wait")
    func mailbox() async throws {
        let mailbox = KeyedMailbox<String, [Int]> { new, old in old + new }
        mailbox.offer([1], for: "a")
        mailbox.offer([2], for: "b")
        mailbox.offer([3], for: "a")
        mailbox.finish()
        mailbox.offer([4], for: "c")
        #expect(try await mailbox.next() == [1, 3])
        #expect(try await mailbox.next() == [2])
        #expect(try await mailbox.next() == nil)
        #expect(try await mailbox.next() == nil)
    }

    @Test("many keys leave a mailbox in the order in which they came to wait")
    func manyKeys() async throws {
        let mailbox = KeyedMailbox<Int, Int>()
        var (put, taken) = (0, 0)
        for round in 0..<200 {
            for _ in 0..<(round % 7 * 20) {
                mailbox.offer(put, for: put)
                put += 1
            }
            for _ in 0..<min(put - taken, round % 5 * 30) {
                #expect(try await mailbox.next() == taken)
                taken += 1
            }
        }
        mailbox.finish()
        while let value = try await mailbox.next() {
            #expect(value == taken)
            taken += 1
        }
        #expect(taken == put)
    }

    @Test("a mailbox that ends with an error gives what it has first")
    func failingMailbox() async throws {
        let mailbox = KeyedMailbox<String, Int>()
        mailbox.offer(1, for: "a")
        mailbox.finish(throwing: BackendError(.closed, "over"))
        #expect(try await mailbox.next() == 1)
        let error = await #expect(throws: BackendError.self) { try await mailbox.next() }
        #expect(error?.code == .closed)
    }

    @Test("cancelling a reader of a mailbox frees it, at any moment", arguments: 0..<50)
    func cancelledReader(_ round: Int) async throws {
        let mailbox = KeyedMailbox<String, Int>()
        let code = await withTaskGroup(of: BackendError.Code?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    _ = try await mailbox.next()
                    return nil
                } catch {
                    return error.code
                }
            }
            for _ in 0..<round { await Task.yield() }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(code == .cancelled)
    }

    @Test("a deadline ends what takes too long, and passes on what does not")
    func deadline() async throws {
        let clock = ManualClock()
        let source = TimeSource(clock)
        #expect(try await withDeadline(.seconds(1), clock: source) { () async throws(BackendError) in 7 } == 7)
        async let late: Int = withDeadline(.seconds(1), clock: source) { () async throws(BackendError) in
            await Signal().wait()
            throw BackendError(.cancelled, "cut")
        }
        await clock.waitForSleepers()
        clock.advance(by: .seconds(1))
        do {
            _ = try await late
            Issue.record("nothing was thrown")
        } catch let error as BackendError {
            #expect(error.code == .timeout)
        }
    }

    @Test("the shield lets its body finish in a cancelled task")
    func shield() async {
        let isCancelled = await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                withUnsafeCurrentTask { $0?.cancel() }
                return try? await withoutCancellation(clock: TimeSource()) { () async throws(BackendError) in
                    Task.isCancelled
                }
            }
            return await group.next() ?? nil
        }
        #expect(isCancelled == false)
    }

    @Test("the shield ends its body at the deadline")
    func shieldDeadline() async {
        let clock = ManualClock()
        let source = TimeSource(clock)
        async let outcome = Self.code { () async throws(BackendError) in
            try await withoutCancellation(deadline: .seconds(5), clock: source) { () async throws(BackendError) in
                await Signal().wait()
                throw BackendError(.cancelled, "cut")
            }
        }
        await clock.waitForSleepers()
        clock.advance(by: .seconds(5))
        #expect(await outcome == .timeout)
    }

    private static func code(_ body: @Sendable () async throws(BackendError) -> Void) async -> BackendError.Code? {
        do throws(BackendError) {
            try await body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test("a generator with a seed repeats itself; the shared one gives the same numbers")
    func generators() {
        var one = SplitMix64(seed: 1)
        let shared = SharedSplitMix64(seed: 1)
        // The first value for the seed 1234567 in the reference implementation is known.
        var reference = SplitMix64(seed: 1_234_567)
        #expect(reference.next() == 6_457_827_717_110_365_317)
        for _ in 0..<100 { #expect(one.next() == shared.next()) }
    }

    @Test("texts for display carry no control characters and are cut")
    func display() {
        #expect("a\nb\u{0}\u{85}".quotedForDisplay == #""a\nb\0\u{0085}""#)
        #expect(String(repeating: "x", count: 100).quotedForDisplay.count == 67)
    }

    @Test("a log calls for its levels only, and names the component")
    func log() async throws {
        let seen = KeyedMailbox<String, String>()
        let log = Log(minimum: .warning) { level, component, message in
            seen.offer("\(level) \(component) \(message)", for: message)
        }
        log.component("x")(.info, "quiet %s %@")
        log.component("x")(.error, "loud %s %@")
        Log.silent(.error, "nothing")
        seen.finish()
        #expect(try await seen.next() == "error x loud %s %@")
        #expect(try await seen.next() == nil)
    }
}
