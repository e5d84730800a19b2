import Testing

@testable import RollcallEtcd

@Suite("Renewals that wait for their answers")
struct EtcdRenewalsTests {
    @Test("an answer is for the oldest question, also when who asked it has given up")
    func order() {
        var renewals = EtcdRenewals<String>()
        renewals.ask(7, number: 1, "first")
        renewals.ask(7, number: 2, "second")
        let gone = renewals.giveUp(7, number: 1)
        #expect(gone == "first")
        // This is the late answer to the first question: it says nothing of the second.
        let late = renewals.answer(7)
        #expect(late == nil)
        let second = renewals.answer(7)
        #expect(second == "second")
        let nobody = renewals.answer(7)
        #expect(nobody == nil)
        #expect(renewals.isEmpty)
    }

    @Test("a new stream asks for those who wait still, and for nobody else")
    func stream() {
        var renewals = EtcdRenewals<String>()
        renewals.ask(7, number: 1, "a")
        renewals.ask(8, number: 2, "b")
        renewals.ask(8, number: 3, "c")
        _ = renewals.giveUp(7, number: 1)
        let asked = renewals.begin()
        #expect(asked == [8, 8])
        let answers = [renewals.answer(8), renewals.answer(8), renewals.answer(7)]
        #expect(answers == ["b", "c", nil])
    }

    @Test("when a stream breaks, the oldest question comes first")
    func end() {
        var renewals = EtcdRenewals<String>()
        renewals.ask(9, number: 3, "c")
        renewals.ask(7, number: 1, "a")
        renewals.ask(8, number: 2, "b")
        let all = renewals.takeAll()
        #expect(all == ["a", "b", "c"])
        #expect(renewals.isEmpty)
    }
}
