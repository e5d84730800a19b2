import Foundation
import Rollcall
import Testing

@Suite("Reading values as Swift types", .timeLimit(.minutes(1)))
struct ConfigDecodingTests {
    private struct Limits: Codable, Hashable {
        var perSecond: Int
        var burst: UInt8?
        var share: Double
        var pause: Duration
        var since: Date
        var secret: Data
        var home: URL
        var hosts: [Host]
        var tags: [String: Bool]
        var color: Color

        struct Host: Codable, Hashable {
            var name: String
            var port: UInt16?
        }

        enum Color: String, Codable {
            case red, green
        }
    }

    private static let whole: [String: ConfigValue] = [
        "perSecond": 100, "burst": nil, "share": 1, "pause": "1.5s", "since": "2026-11-21T07:30:00.25+01:00",
        "secret": "c2VjcmV0", "home": "https://example.org/a", "hosts": [["name": "a", "port": 80], ["name": "b"]],
        "tags": ["x": true, "y": false], "color": "green", "unknown": [1, 2],
    ]

    @Test("a structure is read with all it has: nested, optional, lists, dates, bytes, durations")
    func structures() throws {
        let limits = try ConfigValue.object(Self.whole).decode(Limits.self)
        #expect(limits.perSecond == 100 && limits.burst == nil && limits.share == 1)
        #expect(limits.pause == .milliseconds(1500))
        #expect(limits.since == Date(timeIntervalSince1970: 1_795_242_600.25))
        #expect(limits.secret == Data("secret".utf8))
        #expect(limits.home.absoluteString == "https://example.org/a")
        #expect(limits.hosts == [.init(name: "a", port: 80), .init(name: "b", port: nil)])
        #expect(limits.tags == ["x": true, "y": false])
        #expect(limits.color == .green)
    }

    @Test(
        "a value that its type does not take is named by its path, and not shown",
        arguments: [
            ("perSecond", "purple", "perSecond", "a whole number is expected here, not a text"),
            (
                "perSecond", 1.5, "perSecond",
                "a whole number from -9223372036854775808 to 9223372036854775807 is expected"
            ),
            ("perSecond", nil, "perSecond", "a whole number is expected here, not null"),
            ("burst", 256, "burst", "a whole number from 0 to 255 is expected"),
            ("burst", -1, "burst", "a whole number from 0 to 255 is expected"),
            ("share", true, "share", "a number is expected here, not true or false"),
            ("pause", "purple", "pause", "a duration such as 500ms, 10s, 5m or 2h is expected"),
            ("since", "2026-02-29T00:00:00Z", "since", "an instant such as 2026-11-21T07:30:00Z is expected"),
            ("since", 12, "since", "a text such as 2026-11-21T07:30:00Z is expected here, not a whole number"),
            ("secret", "purple!", "secret", "the text is not base64"),
            ("hosts", ["name": "purple"], "hosts", "a list is expected here, not an object"),
            ("hosts", [["name": "a"], ["port": 1]], "hosts[1].name", "it is missing"),
            ("hosts", [["name": "a"], "purple"], "hosts[1]", "an object is expected here, not a text"),
            ("hosts", [["name": "a", "port": 70_000]], "hosts[0].port", "a whole number from 0 to 65535 is expected"),
            ("tags", ["a b": "purple"], "tags.\"a b\"", "true or false is expected here, not a text"),
            ("tags", ["x": "purple"], "tags.x", "true or false is expected here, not a text"),
            ("color", "purple", "color", "the type that is read refuses the value"),
        ] as [(String, ConfigValue, String, String)]
    )
    func faults(_ key: String, _ value: ConfigValue, _ path: String, _ message: String) throws {
        var members = Self.whole
        members[key] = value
        let error = try #require(throws: ValidationError.self) {
            try ConfigValue.object(members).decode(Limits.self)
        }
        #expect(error.field == path)
        #expect(error.message == message)
        #expect(!error.description.contains("purple"))
    }

    @Test("a missing key is named by its path")
    func missing() throws {
        let error = try #require(throws: ConfigFormatError.self) {
            try ConfigReader.core.decode([String: Limits].self, from: ConfigContent(#"{"limits":{}}"#, format: .json))
        }
        #expect(error.description == "application/json, limits.perSecond: it is missing")
    }

    private struct Picky: Decodable {
        struct Refusal: Error, CustomStringConvertible {
            let description: String
        }

        init(from decoder: any Decoder) throws {
            throw Refusal(description: "no \(try decoder.singleValueContainer().decode(String.self))")
        }
    }

    @Test("what a type's own error says is not passed on, because it may quote a value")
    func foreignErrors() throws {
        let error = try #require(throws: ValidationError.self) { try ConfigValue.string("purple").decode(Picky.self) }
        #expect(error.message == "the type that is read refuses a value (Refusal)")
    }

    @Test("scalars, optionals and lists are read without a structure around them")
    func bare() throws {
        #expect(try ConfigValue.integer(3).decode(Int8.self) == 3)
        #expect(try ConfigValue.number(3).decode(Int.self) == 3)
        #expect(try ConfigValue.integer(.max).decode(UInt64.self) == 9_223_372_036_854_775_807)
        #expect(try ConfigValue.integer(2).decode(Float.self) == 2)
        #expect(try ConfigValue.null.decode(Int?.self) == nil)
        #expect(try ConfigValue.string("10s").decode(Duration?.self) == .seconds(10))
        #expect(try ConfigValue.integer(7).decode(Int?.self) == 7)
        #expect(try ConfigValue.list([7, nil]).decode([Int?].self) == [7, nil])
        #expect(try ConfigValue.list([nil, "2026-11-21T07:30:00Z"]).decode([Date?].self).first == .some(nil))
        #expect(try ConfigValue.object(["1": 2]).decode([Int: Int].self) == [1: 2])
        #expect(throws: ValidationError.self) { try ConfigValue.number(1e300).decode(Float.self) }
        #expect(throws: ValidationError.self) { try ConfigValue.number(1e300).decode(Int.self) }
        #expect(throws: ValidationError.self) { try ConfigValue.list([1]).decode(Pair.self) }
        #expect(try ConfigValue.number(.infinity).decode(Float.self) == .infinity)
    }

    private struct Pair: Decodable {
        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            _ = try list.decode(Int.self)
            _ = try list.decode(Int.self)
        }
    }

    private class Base: Decodable {
        let id: Int
    }

    private final class Derived: Base {
        let inner: [String]

        enum Keys: String, CodingKey { case base, inner }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            var list = try container.nestedUnkeyedContainer(forKey: .inner)
            var inner: [String] = []
            while !list.isAtEnd {
                inner.append(try list.decodeNil() ? "nothing" : list.decode(String.self))
            }
            self.inner = inner
            try super.init(from: container.superDecoder(forKey: .base))
        }
    }

    @Test("classes with a superclass, and containers within containers, are read")
    func containers() throws {
        let value: ConfigValue = ["base": ["id": 7], "inner": ["a", nil, "b"]]
        let derived = try value.decode(Derived.self)
        #expect(derived.id == 7)
        #expect(derived.inner == ["a", "nothing", "b"])
    }
}
