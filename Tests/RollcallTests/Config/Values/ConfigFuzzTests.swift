import Foundation
import Rollcall
import RollcallTesting
import Testing

@Suite("Mutated JSON as a configuration", .timeLimit(.minutes(2)))
struct ConfigFuzzTests {
    private static let seeds = [
        #"{"limits":{"perSecond":100,"burst":1.5e3},"hosts":["a","b\n\u00e9\ud83c\udf89"],"on":true,"off":null}"#,
        #"[[[1,-2,3.25,0.5e-3]],{"a":{"b":{"c":[{},[],""]}}},"é日🎉",false]"#,
        #" { "key" : "hunter2-hunter2" , "other" : [ 9223372036854775807 , 1e308 ] } "#,
    ]

    @Test("mutants never crash; what is accepted, Foundation reads alike; errors show no value", arguments: 0..<16)
    func mutants(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var accepted = 0
        for _ in 0..<400 {
            let bytes = Mutation.of(
                Array(Self.seeds.randomElement(using: &generator)?.utf8 ?? "".utf8),
                using: &generator
            )
            do throws(ConfigFormatError) {
                let value = try ConfigReader.core.parse(ConfigContent(bytes: bytes, format: .json))
                accepted += 1
                let foundation = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                let text = String(decoding: bytes, as: UTF8.self)
                #expect(foundation.map { Self.isSame(value, $0) } == true, "\(text.debugDescription)")
                _ = try? value.decode([String: [String: Int]].self)
            } catch {
                #expect((error.line ?? 0) >= 1 && (error.column ?? 0) >= 1)
                #expect(!error.description.contains("hunter2"))
            }
        }
        #expect(accepted > 5, "only \(accepted) mutants were legal: the test proves little")
    }

    @Test("random bytes never crash the other parsers and the forms of text", arguments: 0..<8)
    func random(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed &+ 500)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? UInt8.random(in: .min ... .max, using: &generator)
                    : Array("0123456789-:TZ.+".utf8).randomElement(using: &generator) ?? 0
            }
            for format in [ConfigContent.Format.json, .plain] {
                _ = try? ConfigReader.core.parse(ConfigContent(bytes: bytes, format: format))
            }
            _ = DateTimeText(bytes)?.date
            let text = ConfigValue.string(String(decoding: bytes, as: UTF8.self))
            _ = try? text.decode(Date.self)
            _ = try? text.decode(Data.self)
            _ = try? text.decode(URL.self)
            _ = try? text.decode(Duration.self)
        }
    }

    private static func isSame(_ value: ConfigValue, _ other: Any) -> Bool {
        switch value {
        case .null:
            return other is NSNull
        case .bool(let flag):
            return (other as? NSNumber)?.boolValue == flag
        case .integer(let number):
            return (other as? NSNumber)?.int64Value == number
        case .number(let number):
            // Foundation reads many digits by way of a decimal number, and rounds twice.
            return (other as? NSNumber).map { abs($0.doubleValue - number) <= abs(number) * 1e-14 } ?? false
        case .string(let text):
            return other as? String == text
        case .list(let elements):
            guard let others = other as? [Any], others.count == elements.count else { return false }
            return zip(elements, others).allSatisfy { self.isSame($0, $1) }
        case .object(let members):
            guard let others = other as? [String: Any], others.count == members.count else { return false }
            return members.allSatisfy { key, member in others[key].map { self.isSame(member, $0) } ?? false }
        }
    }
}
