import Rollcall
import RollcallTesting
import Testing

@Suite("Histories of configuration held against one register")
struct ConfigHistoryCheckTests {
    private static let start = TimeSource().now

    private static func entry(_ version: Int64, _ text: String? = nil) throws -> ConfigEntry {
        ConfigEntry(
            key: try ConfigKey("a"),
            version: version,
            content: ConfigContent(text ?? "\(version)"),
            revision: ConfigRevision("r\(version)")
        )
    }

    private static func operation(_ kind: ConfigOperation.Kind, _ times: ClosedRange<Int>) throws -> ConfigOperation {
        ConfigOperation(
            try ConfigKey("a"),
            kind,
            began: self.start.advanced(by: .milliseconds(times.lowerBound)),
            ended: self.start.advanced(by: .milliseconds(times.upperBound))
        )
    }

    private static func write(
        _ version: Int64,
        expecting: ConfigExpectation = .any,
        _ times: ClosedRange<Int>
    ) throws -> ConfigOperation {
        let entry = try self.entry(version)
        return try self.operation(.write(entry.content, expecting: expecting, entry), times)
    }

    private static func read(_ version: Int64, _ times: ClosedRange<Int>) throws -> ConfigOperation {
        try self.operation(.read(version == 0 ? nil : self.entry(version)), times)
    }

    @Test("what one register could have shown is accepted, in whatever order answers came")
    func good() throws {
        let operations = [
            try Self.read(0, 0...1), try Self.write(1, 0...10),
            try Self.write(2, expecting: .revision(ConfigRevision("r1")), 5...20),
            try Self.read(1, 6...7), try Self.read(2, 8...30),
            // Nobody knows what became of it, and it was seen.
            try Self.operation(.write(ConfigContent("3"), expecting: .any, nil), 31...40), try Self.read(3, 50...60),
            try Self.operation(.refused(expecting: .revision(ConfigRevision("r1"))), 50...60),
        ]
        #expect(ConfigHistoryCheck.faults(of: operations) == [])
    }

    @Test(
        "what no register shows is found",
        arguments: [
            "a read of what is over", "a write that was lost", "two contents of one version",
            "something that nobody wrote", "a precondition that did not hold", "one write made twice",
            "a refusal without a reason", "a write below what was seen",
        ]
    )
    func bad(_ fault: String) throws {
        let first = try Self.write(1, 0...10)
        let operations: [ConfigOperation] =
            switch fault {
            case "a read of what is over": [first, try Self.write(2, 11...12), try Self.read(1, 13...14)]
            case "a write that was lost": [first, try Self.read(0, 11...12)]
            case "two contents of one version":
                [first, try Self.operation(.read(try Self.entry(1, "other")), 11...12)]
            case "something that nobody wrote": [first, try Self.read(2, 11...12)]
            case "a precondition that did not hold":
                [
                    first, try Self.write(2, 11...12),
                    try Self.write(3, expecting: .revision(ConfigRevision("r1")), 13...14),
                ]
            case "one write made twice":
                [first, try Self.operation(.read(try Self.entry(2, "1")), 11...12)]
            case "a refusal without a reason":
                [first, try Self.operation(.refused(expecting: .revision(ConfigRevision("r1"))), 11...12)]
            default: [try Self.write(2, 0...1), try Self.write(1, 2...3)]
            }
        #expect(ConfigHistoryCheck.faults(of: operations) != [])
    }
}
