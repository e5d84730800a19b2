import Foundation
import Rollcall
import RollcallTesting
import Testing

@Suite("Config envelope")
struct ConfigEnvelopeTests {
    private let key: ConfigKey
    private let revision = ConfigRevision("7")
    private let date = Date(timeIntervalSince1970: 1_700_000_000.25)

    init() throws {
        self.key = try ConfigKey("shop/limits")
    }

    @Test("what is put in comes out, whatever bytes it has")
    func roundTrip() throws {
        let contents = [
            ConfigContent("{\"limit\": 10}\n", format: .json), ConfigContent("", format: .plain),
            ConfigContent(bytes: [0, 10, 255, 10], format: .binary), ConfigContent("\n\n{}", format: .yaml),
        ]
        for content in contents {
            let draft = ConfigDraft(content, name: "Limits \"of\" größe")
            let envelope = ConfigEnvelope(draft, version: 12, modifiedAt: self.date)
            let read = try #require(try ConfigEnvelope(stored: envelope.stored))
            #expect(read == envelope)
            #expect(read.entry(self.key, revision: self.revision).modifiedAt == self.date)
        }
    }

    @Test("the line with the longest name fits, so that any content that is allowed does")
    func longestHead() throws {
        let draft = ConfigDraft(
            ConfigContent(
                bytes: [],
                format: try ConfigContent.Format(mediaType: "application/\(String(repeating: "x", count: 127))")
            ),
            name: String(repeating: "\"", count: ConfigDraft.maximumNameBytes)
        )
        let envelope = ConfigEnvelope(draft, version: .max, modifiedAt: self.date)
        #expect(envelope.stored.count <= ConfigEnvelope.maximumHeadBytes)
        #expect(try ConfigEnvelope(stored: envelope.stored) == envelope)
    }

    @Test(
        "what has no envelope is a content as it is",
        arguments: [
            "", "limit = 1", "{\"schema\":1}", "{\"schema\":1}\n", "{\"schema\":1,\"kind\":\"other\"}\nx",
            "{\"schema\":1,\"kind\":\"rollcall.config\"", "{\"schema\":1,\"kind\":\"rollcall.config\"}",
            "{\"schema\":[,\"kind\":\"rollcall.config\"}\nx",
        ]
    )
    func raw(_ text: String) throws {
        let entry = try ConfigEnvelope.entry(
            stored: Array(text.utf8),
            at: self.key,
            revision: self.revision,
            version: 3
        )
        #expect(entry.content == ConfigContent(text))
        #expect(entry.version == 3)
    }

    @Test("bytes that are no text are a content of bytes, and a version below 1 is 1")
    func rawBytes() throws {
        let entry = try ConfigEnvelope.entry(stored: [0xFF, 0xFE], at: self.key, revision: self.revision, version: 0)
        #expect(entry.content == ConfigContent(bytes: [0xFF, 0xFE], format: .binary))
        #expect(entry.version == 1)
    }

    @Test("members that this version does not know are stepped over")
    func unknownMembers() throws {
        let text = #"{"schema":1,"new":{"a":[1]},"kind":"rollcall.config","version":2,"contentType":"text/plain"}"#
        let envelope = try #require(try ConfigEnvelope(stored: Array("\(text)\nhello".utf8)))
        #expect(envelope.content == ConfigContent("hello"))
        #expect(envelope.version == 2)
    }

    @Test(
        "an envelope that cannot be understood says in which member",
        arguments: [
            (#"{"schema":2,"kind":"rollcall.config","version":2}"#, "schema"),
            (#"{"schema":1,"kind":"rollcall.config"}"#, "version"),
            (#"{"schema":1,"kind":"rollcall.config","version":0}"#, "version"),
            (#"{"schema":1,"kind":"rollcall.config","version":1,"contentType":"json"}"#, "contentType"),
        ]
    )
    func faults(_ head: String, _ field: String) {
        let error = #expect(throws: ValidationError.self) {
            try ConfigEnvelope(stored: Array("\(head)\nhello".utf8))
        }
        #expect(error?.field.contains(field) == true)
    }

    @Test("rubbish never crashes")
    func fuzz() throws {
        let envelope = ConfigEnvelope(ConfigDraft(ConfigContent("x")), version: 1, modifiedAt: self.date)
        var generator = SplitMix64(seed: 7)
        for _ in 0..<20_000 {
            let bytes = Mutation.of(envelope.stored, using: &generator)
            _ = try? ConfigEnvelope.entry(stored: bytes, at: self.key, revision: self.revision, version: 1)
        }
    }
}
