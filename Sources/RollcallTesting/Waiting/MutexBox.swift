import Synchronization

/// A value that any task may read and change.
package final class MutexBox<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    /// Creates a box.
    ///
    /// - Parameter value: What is in it.
    package init(_ value: Value) {
        self.mutex = Mutex(value)
    }

    /// What is in it.
    package var value: Value { self.mutex.withLock { $0 } }

    /// Changes what is in it.
    package func change(_ body: (inout Value) -> Void) { self.mutex.withLock { body(&$0) } }
}
