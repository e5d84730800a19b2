import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Takes SIGINT, SIGTERM and SIGHUP from the system, so that commands end in order instead of falling over.
///
/// A handler writes each signal into a pipe, and a thread reads it from there. Blocking the signals and awaiting them
/// with `sigwait` would be simpler, but cannot be relied on: on Linux an asynchronous `main` leaves the first thread
/// to libdispatch, which suspends it with every signal let through, and the system prefers just that thread.
package enum SignalHandlers {
    /// The end of the pipe that handlers write to; -1 before ``install(delivering:)``.
    private static let writeEnd = Atomic<Int32>(-1)

    /// Begins to deliver signals; for the very start of the program, once.
    ///
    /// SIGHUP stays ignored where it is, as `nohup` wants it. SIGPIPE and SIGXFSZ are ignored from now on, so that a
    /// reader who went away and a limit of the size of files are errors of one write and not the end of the process.
    ///
    /// - Parameter inbox: Where to deliver them.
    /// - Throws: A ``AttemptError`` when the system has no pipe or no thread left.
    package static func install(delivering inbox: SignalInbox) throws(AttemptError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw AttemptError(errno, "open a pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A full pipe must not hold the handler up; what is in it is reason enough to end.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        self.writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
        let readEnd = ends[0]
        try SystemThread.begin { self.deliver(from: readEnd, to: inbox) }
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
        for number in [SIGINT, SIGTERM, SIGHUP] where number != SIGHUP || !self.isIgnored(number) {
            self.handle(number)
        }
    }

    /// Begins to deliver also what else may be meant for a program that this one runs, and would end or pass by this.
    package static func takeMore() {
        for number in [SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH] where !self.isIgnored(number) { self.handle(number) }
    }

    /// Whether a signal is ignored by this process.
    package static func isIgnored(_ number: Int32) -> Bool {
        var present = sigaction()
        guard sigaction(number, nil, &present) == 0 else { return false }
        #if canImport(Glibc)
        let handler = present.__sigaction_handler.sa_handler
        #elseif canImport(Musl)
        let handler = present.__sa_handler.sa_handler
        #else
        let handler = present.__sigaction_u.__sa_handler
        #endif
        // C functions cannot be compared in Swift. Both are pointers of one word, of which only the address is looked at:
        // SIG_IGN is a number that stands where an address would (POSIX, <signal.h>).
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    private static func handle(_ number: Int32) {
        var action = sigaction()
        #if canImport(Glibc)
        action.__sigaction_handler = .init(sa_sigaction: { number, info, _ in
            // Above zero: not sent by a process, but by the kernel on behalf of the terminal.
            SignalHandlers.note(number, isFromTerminal: (info?.pointee.si_code ?? 0) > 0)
        })
        #elseif canImport(Musl)
        action.__sa_handler = .init(sa_sigaction: { number, info, _ in
            SignalHandlers.note(number, isFromTerminal: (info?.pointee.si_code ?? 0) > 0)
        })
        #else
        // Darwin does not say who sent it: what has a terminal in front of it is taken to be from there.
        action.__sigaction_u.__sa_sigaction = { number, _, _ in
            SignalHandlers.note(number, isFromTerminal: number == SIGINT && tcgetpgrp(0) == getpgrp())
        }
        #endif
        action.sa_flags = Int32(SA_SIGINFO) | Int32(SA_RESTART)
        sigemptyset(&action.sa_mask)
        sigaction(number, &action, nil)
    }

    /// Runs within a handler: may only do what is safe there.
    private static func note(_ number: Int32, isFromTerminal: Bool) {
        let saved = errno
        // One write of two bytes into a pipe is never torn.
        var message = (UInt8(truncatingIfNeeded: number), UInt8(isFromTerminal ? 1 : 0))
        _ = write(self.writeEnd.load(ordering: .sequentiallyConsistent), &message, 2)
        errno = saved
    }

    private static func deliver(from descriptor: Int32, to inbox: SignalInbox) {
        var message: [UInt8] = [0, 0]
        while true {
            let count = read(descriptor, &message, 2)
            guard count == 2 else {
                if count < 0, errno == EINTR { continue }
                return
            }
            inbox.deliver(ReceivedSignal(Int32(message[0]), isFromTerminal: message[1] == 1))
        }
    }
}
