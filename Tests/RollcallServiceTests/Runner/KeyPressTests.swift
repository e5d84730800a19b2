import Rollcall
import Testing

@testable import RollcallService

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A runner that ends when somebody presses Enter.
@Suite("Key press", .timeLimit(.minutes(1)))
struct KeyPressTests {
    /// A terminal and whoever sits at it.
    private final class Terminal: Sendable {
        let keyboard: Int32
        let screen: Int32

        init() throws {
            self.keyboard = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            try #require(self.keyboard >= 0)
            self.screen = open(try Self.name(of: self.keyboard), O_RDWR | O_NOCTTY)
            try #require(self.screen >= 0)
        }

        /// Where the terminal is whose keyboard this is, once it may be opened.
        private static func name(of keyboard: Int32) throws -> String {
            #if os(Linux)
            // `TIOCSPTLCK` and `TIOCGPTN` of ioctl_tty(2), which the C library's module does not show.
            var (locked, number): (Int32, UInt32) = (0, 0)
            try #require(ioctl(keyboard, UInt(0x4004_5431), &locked) == 0)
            try #require(ioctl(keyboard, UInt(0x8004_5430), &number) == 0)
            return "/dev/pts/\(number)"
            #else
            try #require(grantpt(keyboard) == 0 && unlockpt(keyboard) == 0)
            return String(cString: try #require(ptsname(keyboard)))
            #endif
        }

        func type(_ text: String) {
            _ = text.utf8.withContiguousStorageIfAvailable { write(self.keyboard, $0.baseAddress, $0.count) }
        }

        deinit {
            close(self.keyboard)
            close(self.screen)
        }
    }

    @Test("Enter on a terminal ends it, other keys before do not")
    func enter() async throws {
        let terminal = try Terminal()
        let pressed = Signal()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await KeyPress.wait(on: terminal.screen)
                pressed.raise()
            }
            terminal.type("abc")
            #expect(!pressed.isRaised)
            terminal.type("\n")
            await pressed.wait()
        }
        #expect(pressed.isRaised)
    }

    @Test("a terminal at which nobody sits, a pipe and a closed input wait for cancellation")
    func nobody() async throws {
        let terminal = try Terminal()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[1])
        defer { close(ends[0]) }
        for descriptor in [terminal.screen, ends[0], -1] {
            let pressed = Signal()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await KeyPress.wait(on: descriptor)
                    if !Task.isCancelled { pressed.raise() }
                }
                for _ in 0..<100 { await Task.yield() }
                group.cancelAll()
            }
            #expect(!pressed.isRaised)
        }
    }
}
