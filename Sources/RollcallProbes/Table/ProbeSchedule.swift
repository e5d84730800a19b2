import Rollcall

/// Names an element of a ``ProbeSchedule``; never used for another one.
struct ProbeToken: Hashable, Sendable {
    fileprivate let index: Int
    fileprivate let number: UInt64
}

/// What is to be done again and again, and when next: a binary heap by due time over slots that keep their place.
///
/// An element is due, then under way, then finished and due again. It can be removed at any time; what was under way
/// then is not known any more when it finishes.
struct ProbeSchedule<Element> {
    private struct Slot {
        var number: UInt64
        var element: Element
        /// Where it stands in the heap; `nil` while it is under way.
        var position: Int?
    }

    private var slots: [Slot?] = []
    private var free: [Int] = []
    private var heap: [(due: TimeSource.Instant, index: Int)] = []
    private var nextNumber: UInt64 = 0

    /// The number of elements, those under way included.
    var count: Int { self.slots.count - self.free.count }

    /// When the next one is due; those under way do not count.
    var next: TimeSource.Instant? { self.heap.first?.due }

    /// Adds an element.
    mutating func insert(_ element: Element, due: TimeSource.Instant) -> ProbeToken {
        self.nextNumber += 1
        let slot = Slot(number: self.nextNumber, element: element, position: nil)
        let index: Int
        if let former = self.free.popLast() {
            index = former
            self.slots[index] = slot
        } else {
            index = self.slots.count
            self.slots.append(slot)
        }
        self.push(index, due: due)
        return ProbeToken(index: index, number: self.nextNumber)
    }

    /// Takes an element off for good.
    ///
    /// - Returns: The element, or `nil` when it is not there any more.
    @discardableResult
    mutating func remove(_ token: ProbeToken) -> Element? {
        guard let slot = self.slot(token) else { return nil }
        if let position = slot.position { self.pop(at: position) }
        self.slots[token.index] = nil
        self.free.append(token.index)
        return slot.element
    }

    /// The element that is due for longest, which is under way from now on; `nil` when none is due.
    mutating func due(at now: TimeSource.Instant) -> ProbeToken? {
        guard let first = self.heap.first, first.due <= now else { return nil }
        self.pop(at: 0)
        self.slots[first.index]?.position = nil
        return self.slots[first.index].map { ProbeToken(index: first.index, number: $0.number) }
    }

    /// Ends what was under way.
    ///
    /// - Parameters:
    ///   - token: What ``due(at:)`` returned.
    ///   - next: When it is due again.
    /// - Returns: False when it was removed meanwhile, or is not under way.
    @discardableResult
    mutating func finished(_ token: ProbeToken, next: TimeSource.Instant) -> Bool {
        guard let slot = self.slot(token), slot.position == nil else { return false }
        self.push(token.index, due: next)
        return true
    }

    /// An element, or `nil` when it is not there any more.
    subscript(token: ProbeToken) -> Element? { self.slot(token)?.element }

    /// Changes an element in its place.
    ///
    /// - Returns: What `body` returns, or `nil` when the element is not there any more.
    mutating func update<Value>(_ token: ProbeToken, _ body: (inout Element) -> Value) -> Value? {
        guard var slot = self.slot(token) else { return nil }
        // Out of the array meanwhile, so that the element is not copied.
        self.slots[token.index] = nil
        defer { self.slots[token.index] = slot }
        return body(&slot.element)
    }

    private func slot(_ token: ProbeToken) -> Slot? {
        guard self.slots.indices.contains(token.index), let slot = self.slots[token.index],
            slot.number == token.number
        else { return nil }
        return slot
    }
}

extension ProbeSchedule {
    private mutating func push(_ index: Int, due: TimeSource.Instant) {
        self.heap.append((due, index))
        self.slots[index]?.position = self.heap.count - 1
        self.rise(from: self.heap.count - 1)
    }

    private mutating func pop(at position: Int) {
        let last = self.heap.count - 1
        if position != last { self.exchange(position, last) }
        self.heap.removeLast()
        guard position < self.heap.count else { return }
        // What took its place came from below, from here or from another branch.
        self.rise(from: position)
        self.sink(from: position)
    }

    private mutating func rise(from start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard self.heap[position].due < self.heap[parent].due else { return }
            self.exchange(position, parent)
            position = parent
        }
    }

    private mutating func sink(from start: Int) {
        var position = start
        while true {
            let left = 2 * position + 1
            guard left < self.heap.count else { return }
            let right = left + 1
            let isRightFirst = right < self.heap.count && self.heap[right].due < self.heap[left].due
            let child = isRightFirst ? right : left
            guard self.heap[child].due < self.heap[position].due else { return }
            self.exchange(position, child)
            position = child
        }
    }

    private mutating func exchange(_ first: Int, _ second: Int) {
        self.heap.swapAt(first, second)
        self.slots[self.heap[first].index]?.position = first
        self.slots[self.heap[second].index]?.position = second
    }
}
