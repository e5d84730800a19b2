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
    private var elements: [Element?] = []
    /// Whose each slot is, and where it stands in the heap, `nil` while it is under way: apart from the elements, because
    /// the heap moves many.
    private var numbers: [UInt64] = []
    private var positions: [Int?] = []
    private var free: [Int] = []
    private var heap: [(due: TimeSource.Instant, index: Int)] = []
    private var nextNumber: UInt64 = 0

    /// The number of elements, those under way included.
    var count: Int { self.elements.count - self.free.count }

    /// When the next one is due; those under way do not count.
    var next: TimeSource.Instant? { self.heap.first?.due }

    /// Adds an element.
    mutating func insert(_ element: Element, due: TimeSource.Instant) -> ProbeToken {
        self.nextNumber += 1
        let index: Int
        if let former = self.free.popLast() {
            index = former
            self.elements[index] = element
            self.numbers[index] = self.nextNumber
        } else {
            index = self.elements.count
            self.elements.append(element)
            self.numbers.append(self.nextNumber)
            self.positions.append(nil)
        }
        self.push(index, due: due)
        return ProbeToken(index: index, number: self.nextNumber)
    }

    /// Takes an element off for good.
    ///
    /// - Returns: The element, or `nil` when it is not there any more.
    @discardableResult
    mutating func remove(_ token: ProbeToken) -> Element? {
        guard self.has(token) else { return nil }
        if let position = self.positions[token.index] { self.pop(at: position) }
        self.positions[token.index] = nil
        self.numbers[token.index] = 0
        self.free.append(token.index)
        return self.elements[token.index].take()
    }

    /// The element that is due for longest, which is under way from now on; `nil` when none is due.
    mutating func due(at now: TimeSource.Instant) -> ProbeToken? {
        guard let next = self.next, next <= now else { return nil }
        let index = self.pop(at: 0)
        self.positions[index] = nil
        return ProbeToken(index: index, number: self.numbers[index])
    }

    /// Ends what was under way.
    ///
    /// - Parameters:
    ///   - token: What ``due(at:)`` returned.
    ///   - next: When it is due again.
    /// - Returns: False when it was removed meanwhile, or is not under way.
    @discardableResult
    mutating func finished(_ token: ProbeToken, next: TimeSource.Instant) -> Bool {
        guard self.has(token), self.positions[token.index] == nil else { return false }
        self.push(token.index, due: next)
        return true
    }

    /// An element, or `nil` when it is not there any more.
    subscript(token: ProbeToken) -> Element? { self.has(token) ? self.elements[token.index] : nil }

    /// Changes an element in its place.
    ///
    /// - Returns: What `body` returns, or `nil` when the element is not there any more.
    mutating func update<Value>(_ token: ProbeToken, _ body: (inout Element) -> Value) -> Value? {
        guard self.has(token) else { return nil }
        return self.elements[token.index].mutate(body)
    }

    private func has(_ token: ProbeToken) -> Bool {
        self.numbers.indices.contains(token.index) && self.numbers[token.index] == token.number
    }
}

extension ProbeSchedule {
    private mutating func push(_ index: Int, due: TimeSource.Instant) {
        self.heap.append((due, index))
        self.positions[index] = self.heap.count - 1
        self.rise(from: self.heap.count - 1)
    }

    /// Takes an entry off the heap.
    ///
    /// - Returns: The slot that it stood for. The entry itself, held by a caller, would make the heap be copied.
    @discardableResult
    private mutating func pop(at position: Int) -> Int {
        let last = self.heap.count - 1
        if position != last { self.exchange(position, last) }
        let index = self.heap.removeLast().index
        guard position < self.heap.count else { return index }
        // What took its place came from below, from here or from another branch.
        self.rise(from: position)
        self.sink(from: position)
        return index
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
        self.positions[self.heap[first].index] = first
        self.positions[self.heap[second].index] = second
    }
}

extension Optional {
    /// Changes what is there in its place.
    fileprivate mutating func mutate<Value>(_ body: (inout Wrapped) -> Value) -> Value? {
        guard var value = self.take() else { return nil }
        defer { self = value }
        return body(&value)
    }
}
