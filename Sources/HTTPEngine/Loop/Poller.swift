import CSystem
import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What a descriptor became ready for.
struct Readiness: OptionSet, Sendable {
    let rawValue: UInt8

    static let readable = Readiness(rawValue: 1)
    static let writable = Readiness(rawValue: 2)
    /// The peer closed its side, or the connection broke.
    static let hangup = Readiness(rawValue: 4)
}

/// Asks the system which descriptors became ready: each change is told once (edge-triggered).
struct Poller: Sendable {
    /// What became ready, under the token that it was added with.
    typealias Event = (token: UInt64, readiness: Readiness)

    /// The token of the descriptor that only wakes; nothing else is added under it.
    private static let wakeToken: UInt64 = 0
    private let queue: Int32

    #if os(Linux)
    private typealias RawEvent = epoll_event
    private let waker: Int32

    init() throws(SystemError) {
        self.queue = csystem_make_queue()
        guard self.queue >= 0 else { throw SystemError("epoll_create1") }
        self.waker = csystem_make_waker()
        guard self.waker >= 0 else { throw SystemError("eventfd") }
        try self.add(self.waker, token: Self.wakeToken)
    }

    /// Watches a descriptor until it is closed.
    func add(_ descriptor: Int32, token: UInt64) throws(SystemError) {
        let interest = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        var event = epoll_event(events: interest, data: epoll_data_t(u64: token))
        guard epoll_ctl(self.queue, EPOLL_CTL_ADD, descriptor, &event) == 0 else { throw SystemError("epoll_ctl") }
    }

    /// Makes a `wait` return that waits now or next.
    func wake() {
        var one: UInt64 = 1
        _ = write(self.waker, &one, 8)
    }

    /// Waits for events.
    ///
    /// - Parameters:
    ///   - milliseconds: How long at most; without end when negative.
    ///   - handle: Called for each event.
    func wait(milliseconds: Int32, _ handle: (Event) -> Void) {
        withUnsafeTemporaryAllocation(of: RawEvent.self, capacity: 256) { events in
            guard let base = events.baseAddress else { return }
            let count = epoll_wait(self.queue, base, Int32(events.count), milliseconds)
            guard count > 0 else { return }
            for event in events.prefix(Int(count)) {
                guard event.data.u64 != Self.wakeToken else {
                    var drained: UInt64 = 0
                    _ = read(self.waker, &drained, 8)
                    continue
                }
                handle((event.data.u64, Self.readiness(event.events)))
            }
        }
    }

    private static func readiness(_ events: UInt32) -> Readiness {
        let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue
        var readiness: Readiness = []
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | broken) != 0 { readiness.insert(.readable) }
        if events & (EPOLLOUT.rawValue | broken) != 0 { readiness.insert(.writable) }
        if events & (EPOLLRDHUP.rawValue | broken) != 0 { readiness.insert(.hangup) }
        return readiness
    }
    #else
    private typealias RawEvent = kevent

    init() throws(SystemError) {
        self.queue = kqueue()
        guard self.queue >= 0 else { throw SystemError("kqueue") }
        try self.change([
            kevent(
                ident: 0,
                filter: Int16(EVFILT_USER),
                flags: UInt16(EV_ADD | EV_CLEAR),
                fflags: 0,
                data: 0,
                udata: nil
            )
        ])
    }

    /// Watches a descriptor until it is closed.
    func add(_ descriptor: Int32, token: UInt64) throws(SystemError) {
        let flags = UInt16(EV_ADD | EV_CLEAR)
        let data = UnsafeMutableRawPointer(bitPattern: UInt(token))
        try self.change(
            [EVFILT_READ, EVFILT_WRITE].map { filter in
                kevent(ident: UInt(descriptor), filter: Int16(filter), flags: flags, fflags: 0, data: 0, udata: data)
            }
        )
    }

    /// Makes a `wait` return that waits now or next.
    func wake() {
        try? self.change([
            kevent(ident: 0, filter: Int16(EVFILT_USER), flags: 0, fflags: UInt32(NOTE_TRIGGER), data: 0, udata: nil)
        ])
    }

    /// Waits for events.
    ///
    /// - Parameters:
    ///   - milliseconds: How long at most; without end when negative.
    ///   - handle: Called for each event.
    func wait(milliseconds: Int32, _ handle: (Event) -> Void) {
        var limit = timespec(tv_sec: Int(milliseconds) / 1000, tv_nsec: Int(milliseconds) % 1000 * 1_000_000)
        withUnsafeTemporaryAllocation(of: RawEvent.self, capacity: 256) { events in
            guard let base = events.baseAddress else { return }
            let count =
                milliseconds < 0
                ? kevent(self.queue, nil, 0, base, Int32(events.count), nil)
                : kevent(self.queue, nil, 0, base, Int32(events.count), &limit)
            guard count > 0 else { return }
            for event in events.prefix(Int(count)) where event.filter != Int16(EVFILT_USER) {
                handle((UInt64(UInt(bitPattern: event.udata)), Self.readiness(event)))
            }
        }
    }

    private func change(_ changes: [kevent]) throws(SystemError) {
        guard kevent(self.queue, changes, Int32(changes.count), nil, 0, nil) == 0 else { throw SystemError("kevent") }
    }

    private static func readiness(_ event: kevent) -> Readiness {
        var readiness: Readiness = event.filter == Int16(EVFILT_READ) ? [.readable] : [.writable]
        if event.flags & UInt16(EV_EOF) != 0 { readiness.formUnion([.hangup, .readable, .writable]) }
        return readiness
    }
    #endif
}
