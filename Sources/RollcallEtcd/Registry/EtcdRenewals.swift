import Rollcall

/// Who waits for answers to renewals, as a value without network: answers to one lease come in the order of its questions.
struct EtcdRenewals<Waiter> {
    private struct Question {
        let number: UInt64
        /// Who asked; `nil` once he gave up, though the answer may still come.
        var waiter: Waiter?
    }

    /// Of each lease the questions that have no answer, the oldest first.
    private var questions: [Int64: [Question]] = [:]

    /// Whether nobody waits.
    var isEmpty: Bool { !self.questions.values.contains { $0.contains { $0.waiter != nil } } }

    /// Takes note of a question.
    mutating func ask(_ lease: Int64, number: UInt64, _ waiter: Waiter) {
        self.questions[lease, default: []].append(Question(number: number, waiter: waiter))
    }

    /// Takes out who gives up; his answer is stepped over when it comes.
    mutating func giveUp(_ lease: Int64, number: UInt64) -> Waiter? {
        guard let index = self.questions[lease]?.firstIndex(where: { $0.number == number }) else { return nil }
        return self.questions[lease]?[index].waiter.take()
    }

    /// Takes who asked the oldest question about a lease; `nil` when he gave up.
    mutating func answer(_ lease: Int64) -> Waiter? {
        guard let first = self.questions[lease]?.first else { return nil }
        self.questions[lease]?.removeFirst()
        if self.questions[lease]?.isEmpty == true { self.questions[lease] = nil }
        return first.waiter
    }

    /// Begins a stream: what nobody waits for any more is not asked again.
    ///
    /// - Returns: The leases to ask about, once for each question.
    mutating func begin() -> [Int64] {
        self.questions = self.questions.mapValues { $0.filter { $0.waiter != nil } }.filter { !$0.value.isEmpty }
        return self.questions.flatMap { lease, questions in questions.map { _ in lease } }
    }

    /// Takes all who wait; the one with the oldest question, on which a stream breaks that refuses one, comes first.
    mutating func takeAll() -> [Waiter] {
        defer { self.questions = [:] }
        return self.questions.values.joined().sorted { $0.number < $1.number }.compactMap(\.waiter)
    }
}
