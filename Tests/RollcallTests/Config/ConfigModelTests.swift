import Rollcall
import Testing

@Suite("Configuration: keys, contents, drafts")
struct ConfigModelTests {
    @Test("one slash at the beginning of a key is dropped, and nothing else is changed")
    func keys() throws {
        #expect(try ConfigKey("/shop/limits") == ConfigKey("shop/limits"))
        #expect(try ConfigKey("//shop").text == "/shop")
        #expect(try ConfigKey("shop/").text == "shop/")
        #expect(try ConfigKey("/e\u{301}").text.utf8.elementsEqual("e\u{301}".utf8))
        // The mark belongs to the slash for people, and to the key for machines.
        #expect(try ConfigKey("/\u{301}x").text.utf8.elementsEqual("\u{301}x".utf8))
        #expect(try ConfigKey("/" + String(repeating: "k", count: 512)).text.utf8.count == 512)
        for text in ["", "/", "a*", "a\u{0}", String(repeating: "k", count: 513)] {
            #expect(throws: ValidationError.self) { try ConfigKey(text) }
        }
        #expect(throws: ValidationError.self) { try LockName("") }
        #expect(try ServiceName("/web").text == "/web")
    }

    @Test(
        "a media type is read without its parameters, whatever the case",
        arguments: [
            ("application/json", "application/json"), ("Application/JSON ; charset=utf-8", "application/json"),
            ("text/plain;x", "text/plain"), ("application/vnd.shop+json", "application/vnd.shop+json"),
        ]
    )
    func formats(_ text: String, _ mediaType: String) throws {
        #expect(try ConfigContent.Format(mediaType: text).mediaType == mediaType)
    }

    @Test(
        "what is no media type is refused",
        arguments: ["", "json", "a/b/c", "/json", "text/", "te xt/plain", ";", "a/b\n"]
    )
    func noFormats(_ text: String) {
        #expect(throws: ValidationError.self) { try ConfigContent.Format(mediaType: text) }
    }

    @Test("a content is a text only where it is UTF-8")
    func texts() {
        #expect(ConfigContent("grün").text == "grün")
        #expect(ConfigContent(bytes: [0xFF, 0x00]).text == nil)
    }
}
