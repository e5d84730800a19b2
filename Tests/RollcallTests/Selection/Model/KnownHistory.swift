import Testing

@testable import Rollcall

/// A history in which the product once did something else than the model.
struct KnownHistory: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let steps: [Step]

    private static let four = (0..<4).map { Plain(id: $0, zone: $0 == 0 ? "a" : nil) }
    private static let firstIsLeftOut = [Step.deliver(Self.four, departed: [:]), .calls(count: 8, ill: [0])]
    private static let firstAlone = PlainChoice.only(.zoneA)

    static let all = [
        KnownHistory(
            testDescription: "a call to a local instance of the same id says nothing of the one that is held",
            steps: [
                .deliver([Plain(id: 0), Plain(id: 5)], departed: [:]), .local([Plain(id: 5, port: 2)], isInstead: true),
                .deliver([], departed: [:]), .look([]), .calls(count: 1, ill: [5]), .local([], isInstead: false),
            ]
        ),
        KnownHistory(
            testDescription:
                "one that is held goes when it is told that it was deregistered, though the rest is no news",
            steps: [
                .deliver(Self.four, departed: [:]), .deliver([], departed: [0: .expired]),
                .deliver([], departed: [0: .deregistered]),
            ]
        ),
        KnownHistory(
            testDescription: "what a look shows as lost, and failed before, has nothing more to prove",
            steps: Self.firstIsLeftOut + [.look([]), .look([])]
        ),
        KnownHistory(
            testDescription: "a filter of a call finds the only one that fits though calls to it failed",
            steps: Self.firstIsLeftOut + [
                .pick(.also(.zoneA), key: nil), .begin(.also(.zoneA)),
                .failOver(.also(.zoneA), attempts: 2, failures: 0),
            ]
        ),
        KnownHistory(
            testDescription: "the call of a former trial does not make way for a second one in this trial",
            steps: Self.firstIsLeftOut + [
                .advance(milliseconds: 10_000), .begin(Self.firstAlone), .probe(id: 0, .passing, failures: 0),
                .calls(count: 4, ill: [0]), .advance(milliseconds: 20_000), .begin(Self.firstAlone),
                .finish(place: 0, .ignored), .calls(count: 8, ill: []),
            ]
        ),
    ]
}
