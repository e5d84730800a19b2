import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite("Answers that are remembered")
struct ServiceAnswersTests {
    private func ask(
        _ answers: ServiceAnswers,
        _ service: String,
        _ body: [UInt8],
        _ reads: Tally,
        _ fault: BackendError? = nil
    ) throws {
        let records = try answers.records(in: body, of: ServiceName(service)) { () throws(BackendError) in
            reads.add()
            if let fault { throw fault }
            return [:]
        }
        #expect(records.isEmpty)
    }

    @Test("the same answer is decoded once, another one anew")
    func same() throws {
        let (answers, reads) = (ServiceAnswers(), Tally())
        for (body, count) in [([1], 1), ([1], 1), ([2], 2), ([1], 3)] as [([UInt8], Int)] {
            try self.ask(answers, "web", body, reads)
            #expect(reads.value == count)
        }
        try self.ask(answers, "other", [1], reads)
        #expect(reads.value == 4)
    }

    @Test("what cannot be decoded is not remembered, and hides nothing that was")
    func faults() throws {
        let (answers, reads) = (ServiceAnswers(), Tally())
        try self.ask(answers, "web", [1], reads)
        for _ in 0..<2 {
            #expect(throws: BackendError.self) {
                try self.ask(answers, "web", [2], reads, BackendError(.protocolViolation, "rubbish"))
            }
        }
        #expect(reads.value == 3)
        try self.ask(answers, "web", [1], reads)
        #expect(reads.value == 3)
    }

    @Test("no more are remembered than there is room for, and none that is too long")
    func room() throws {
        let (answers, reads) = (ServiceAnswers(), Tally())
        for number in 0..<ServiceAnswers.capacity + 1 { try self.ask(answers, "s\(number)", [1], reads) }
        #expect(answers.count == 1)
        let long = [UInt8](repeating: 7, count: ServiceAnswers.maximumBytes + 1)
        for _ in 0..<2 { try self.ask(answers, "long", long, reads) }
        #expect(answers.count == 1)
        #expect(reads.value == ServiceAnswers.capacity + 3)
    }
}
