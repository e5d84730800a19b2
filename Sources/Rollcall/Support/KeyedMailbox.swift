import Synchronization

/// Carries the latest value of each key from those who know it to one reader, however slow the reader is.
///
/// A value that was not taken yet makes way for the next of its key, which absorbs what of it must not be lost. So
/// the mailbox never holds more than one value a key. Keys leave in the order in which they came to wait.
package final class KeyedMailbox<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct State {
        private var waiting: [Key] = []
        /// How many of those were taken: taking the first of a long array off would move all others.
        private var taken = 0
        var values: [Key: Value] = [:]
        var end: Result<Void, BackendError>?
        var readers: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextReader: UInt64 = 0

        var isEmpty: Bool { self.taken == self.waiting.count }

        mutating func enqueue(_ key: Key) { self.waiting.append(key) }

        mutating func takeFirst() -> Value? {
            let key = self.waiting[self.taken]
            self.taken += 1
            if self.taken == self.waiting.count {
                self.waiting.removeAll(keepingCapacity: self.taken <= 16)
                self.taken = 0
            } else if self.taken >= 64, self.taken * 2 > self.waiting.count {
                self.waiting.removeFirst(self.taken)
                self.taken = 0
            }
            return self.values.removeValue(forKey: key)
        }

        mutating func takeReaders() -> [CheckedContinuation<Void, Never>] {
            defer { self.readers = [:] }
            return Array(self.readers.values)
        }
    }

    private let state = Mutex(State())
    private let absorb: @Sendable (_ new: Value, _ old: Value) -> Value

    /// Creates an empty mailbox.
    ///
    /// - Parameter absorb: Makes one value of a new one and the older one that nobody took.
    package init(absorb: @escaping @Sendable (_ new: Value, _ old: Value) -> Value = { new, _ in new }) {
        self.absorb = absorb
    }

    /// Puts a value in.
    ///
    /// After the end it is dropped.
    package func offer(_ value: Value, for key: Key) {
        let readers = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.end == nil else { return [] }
            if let old = state.values[key] {
                state.values[key] = self.absorb(value, old)
            } else {
                state.values[key] = value
                state.enqueue(key)
            }
            return state.takeReaders()
        }
        for reader in readers { reader.resume() }
    }

    /// Ends the mailbox once what is in it was taken.
    package func finish(throwing error: BackendError? = nil) {
        let readers = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.end == nil else { return [] }
            state.end = error.map { .failure($0) } ?? .success(())
            return state.takeReaders()
        }
        for reader in readers { reader.resume() }
    }

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Returns: The value, or `nil` after the end.
    /// - Throws: The error that ended the mailbox, or `cancelled`.
    package func next() async throws(BackendError) -> Value? {
        while true {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            let taken: Result<Value?, BackendError>? = self.state.withLock { state in
                if !state.isEmpty { return .success(state.takeFirst()) }
                return state.end.map { $0.map { nil } }
            }
            if let taken { return try taken.get() }
            await self.waitForChange()
        }
    }

    private func waitForChange() async {
        let id = self.state.withLock { state in
            state.nextReader += 1
            return state.nextReader
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if !state.isEmpty || state.end != nil || Task.isCancelled { return true }
                    state.readers[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.readers.removeValue(forKey: id) }?.resume()
        }
    }
}

/// Carries snapshots: of each service the latest, which keeps why instances left since the one that was taken.
package typealias SnapshotMailbox = KeyedMailbox<ServiceName, ServiceSnapshot>

extension KeyedMailbox where Key == ServiceName, Value == ServiceSnapshot {
    /// Creates a mailbox of snapshots.
    package static func snapshots() -> SnapshotMailbox {
        SnapshotMailbox { new, old in new.absorbing(old) }
    }
}
