import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Waits for somebody to press Enter on the terminal that this program runs at.
///
/// For ``ServiceRunner/run(until:)``: a service that is tried by hand ends so. Without a terminal, as under a supervisor
/// or with standard input closed, and while the program is in the background, nobody can press anything: then it waits
/// until its task is cancelled.
public func keyPress() async {
    await KeyPress.wait(on: STDIN_FILENO)
}

enum KeyPress {
    /// How often it looks whether its task was cancelled.
    private static let patience: Int32 = 100

    /// Waits for a line on a terminal, or for cancellation.
    static func wait(on descriptor: Int32) async {
        guard isatty(descriptor) == 1 else { return await Signal().wait() }
        let isOver = Signal()
        let wasPressed = try? await withTaskCancellationHandler {
            try await SystemThread.run { Self.watch(descriptor, until: isOver) }
        } onCancel: {
            isOver.raise()
        }
        // The terminal is gone, or there is no thread to watch it.
        if wasPressed != true { await Signal().wait() }
    }

    /// Reads up to the end of a line.
    ///
    /// - Returns: Whether there was one.
    private static func watch(_ descriptor: Int32, until isOver: Signal) -> Bool {
        var byte: UInt8 = 0
        while !isOver.isRaised {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Self.patience) > 0 else { continue }
            // Reading in the background would stop the whole program.
            let foreground = tcgetpgrp(descriptor)
            guard foreground < 0 || foreground == getpgrp() else {
                usleep(useconds_t(Self.patience) * 1000)
                continue
            }
            let count = read(descriptor, &byte, 1)
            if count == 1, byte == UInt8(ascii: "\n") { return true }
            if count == 0 || count < 0 && errno != EINTR && errno != EAGAIN { return false }
        }
        return false
    }
}
