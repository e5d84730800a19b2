import Rollcall
import Testing

@Suite("Looking values up by path and type")
struct ConfigLookupTests {
    private static let tree: ConfigValue = [
        "limits": [
            "perSecond": 100, "share": 0.5, "whole": 2.0, "on": true, "note": "hunter2", "none": nil, "empty": [:],
        ],
        "hosts": ["a", "b"], "ports": [80, 443], "weights": [1, 0.5], "flags": [true, false], "mixed": [1, "a"],
        "nothing": [],
        "key": "aGk=", "keys": ["aGk=", ""], "a.b": 1, "database": ["password": "hunter2", "user": "shop"],
    ]
    private let lookup = ConfigLookup(tree, name: "shop", secrets: .at("database.password", "limits.note"))

    @Test("values of all ten types are found")
    func types() throws {
        #expect(try self.lookup.string(at: "limits.note") == "hunter2")
        #expect(try self.lookup.int(at: "limits.perSecond") == 100)
        #expect(try self.lookup.int(at: "limits.whole") == 2)
        #expect(try self.lookup.double(at: "limits.share") == 0.5)
        #expect(try self.lookup.double(at: "limits.perSecond") == 100)
        #expect(try self.lookup.bool(at: "limits.on") == true)
        #expect(try self.lookup.bytes(at: "key") == Array("hi".utf8))
        #expect(try self.lookup.stringArray(at: "hosts") == ["a", "b"])
        #expect(try self.lookup.intArray(at: "ports") == [80, 443])
        #expect(try self.lookup.doubleArray(at: "weights") == [1, 0.5])
        #expect(try self.lookup.boolArray(at: "flags") == [true, false])
        #expect(try self.lookup.byteChunkArray(at: "keys") == [Array("hi".utf8), []])
        #expect(try self.lookup.intArray(at: "nothing") == [])
        #expect(try self.lookup.stringArray(at: "nothing") == [])
    }

    @Test(
        "what is not there, null, and what lies within a value is nothing",
        arguments: [
            "", "none", "limits.none", "limits.perSecond.more", "hosts.0", "limits.", ".limits", "a.b",
            "limits.perSecond.",
        ]
    )
    func missing(_ path: String) throws {
        for type in ConfigLookupType.allCases {
            #expect(try self.lookup.value(at: ConfigPath(path), as: type) == nil)
        }
    }

    @Test("a key with dots is found by its keys, and not by a text in which it would be several")
    func dots() throws {
        #expect(try self.lookup.int(at: ConfigPath(["a.b"])) == 1)
        #expect(ConfigPath(["a.b"]).description == "\"a.b\"")
        #expect(ConfigPath("a.b").description == "a.b")
    }

    @Test(
        "what is of another type is an error that says the path and the kind, and not the value",
        arguments: [
            ("limits.note", .int, "it is a text"), ("limits.note", .bytes, "it is a text"),
            ("limits.note", .bool, "it is a text"),
            ("limits.perSecond", .string, "it is a whole number"), ("limits.share", .int, "it is a number"),
            ("limits", .string, "it is an object"),
            ("limits.on", .int, "it is true or false"),
            ("hosts", .string, "it is a list, or has elements that are something else"),
            ("mixed", .intArray, "it is a list, or has elements that are something else"),
            ("limits.note", .stringArray, "it is a text"),
            ("hosts", .byteChunkArray, "it is a list, or has elements that are something else"),
            ("limits.empty", .intArray, "it is an object"),
        ] as [(String, ConfigLookupType, String)]
    )
    func mismatches(_ path: String, _ type: ConfigLookupType, _ message: String) throws {
        let error = try #require(throws: ConfigLookupError.self) {
            try self.lookup.value(at: ConfigPath(path), as: type)
        }
        #expect(error.description == "\(path) of shop cannot be read as \(type.rawValue): \(message)")
        #expect(!error.description.contains("hunter2"))
    }

    @Test("all paths are listed in order, lists as one value")
    func paths() {
        #expect(
            self.lookup.paths.map(\.description) == [
                "\"a.b\"", "database.password", "database.user", "flags", "hosts", "key", "keys", "limits.note",
                "limits.on",
                "limits.perSecond", "limits.share", "limits.whole", "mixed", "nothing", "ports", "weights",
            ]
        )
        #expect(ConfigLookup("text", name: "x").paths.isEmpty)
    }

    @Test("no text form shows a secret, and the long one shows what is none")
    func secrets() throws {
        var dumped = ""
        dump(self.lookup, to: &dumped)
        let value = try self.lookup.value(at: "database.password", as: .string)
        dump(value, to: &dumped)
        let all = ConfigLookup(Self.tree, name: "all", secrets: .all)
        let texts = [
            "\(self.lookup)", String(reflecting: self.lookup), dumped, "\(value as Any)", String(reflecting: all),
        ]
        for text in texts { #expect(!text.contains("hunter2")) }
        #expect("\(self.lookup)" == "shop[16 values]")
        #expect(
            String(reflecting: self.lookup).contains(
                "database.password=<redacted>, database.user=\"shop\", flags=[true, false]"
            )
        )
        #expect(try self.lookup.value(at: "database.user", as: .string)?.isSecret == false)
        #expect(value?.isSecret == true)
    }

    @Test("a secret object keeps secret what stands in it, and a rule may be any")
    func rules() {
        #expect(ConfigSecrets.at("database").contains("database.password"))
        #expect(!ConfigSecrets.at("database").contains("databases"))
        #expect(ConfigSecrets { $0.components.last == "password" }.contains("a.b.password"))
        #expect(!ConfigSecrets.none.contains("a") && ConfigSecrets.all.contains("a"))
    }
}

@Suite("Environment variables and layers")
struct LayeredLookupTests {
    @Test(
        "a path has the variable of swift-configuration",
        arguments: [
            ("http.port", "HTTP_PORT"), ("http.serverTimeout", "HTTP_SERVER_TIMEOUT"), ("a", "A"),
            ("my-app.x_y", "MY_APP_X_Y"),
            ("version2Api", "VERSION2_API"), ("URL", "URL"), ("grün", "GR_N"), ("a..b", "A__B"),
        ]
    )
    func names(_ path: String, _ name: String) {
        #expect(ConfigPath(path).variableName == name)
    }

    private let environment = EnvironmentLookup(
        [
            "PORT": "80", "BAD": "hunter2", "FLAG": "Yes", "OFF": "0", "SHARE": "0.5", "KEY": "aGk=",
            "HOSTS": " a, b ,,c",
            "PORTS": "80,443", "FLAGS": "true,no", "EMPTY": "", "DB_PASSWORD": "hunter2",
        ],
        secrets: .at("db.password")
    )

    @Test("variables are read as all ten types")
    func types() throws {
        #expect(try self.environment.int(at: "port") == 80)
        #expect(try self.environment.string(at: "port") == "80")
        #expect(try self.environment.bool(at: "flag") == true)
        #expect(try self.environment.bool(at: "off") == false)
        #expect(try self.environment.double(at: "share") == 0.5)
        #expect(try self.environment.bytes(at: "key") == Array("hi".utf8))
        #expect(try self.environment.stringArray(at: "hosts") == ["a", "b", "", "c"])
        #expect(try self.environment.intArray(at: "ports") == [80, 443])
        #expect(try self.environment.doubleArray(at: "ports") == [80, 443])
        #expect(try self.environment.boolArray(at: "flags") == [true, false])
        #expect(try self.environment.byteChunkArray(at: "key") == [Array("hi".utf8)])
        #expect(try self.environment.string(at: "empty") == "")
        #expect(try self.environment.intArray(at: "empty") == [])
        #expect(try self.environment.int(at: "none") == nil)
        #expect(try self.environment.string(at: "") == nil)
    }

    @Test(
        "a variable of the wrong form is named and not shown",
        arguments: [.int, .double, .bool, .bytes, .intArray] as [ConfigLookupType]
    )
    func mismatches(_ type: ConfigLookupType) throws {
        let error = try #require(throws: ConfigLookupError.self) { try self.environment.value(at: "bad", as: type) }
        #expect(
            error.description == "bad of environment cannot be read as \(type.rawValue): BAD is set to something else"
        )
    }

    @Test("the first layer that has a value counts, and one of the wrong type is not passed over")
    func layers() throws {
        let defaults = ConfigLookup(["port": 1, "bad": 2, "only": 3, "flag": nil], name: "defaults")
        let layered = LayeredLookup([self.environment, defaults])
        #expect(try layered.int(at: "port") == 80)
        #expect(try layered.int(at: "only") == 3)
        #expect(try layered.int(at: "none") == nil)
        #expect(throws: ConfigLookupError.self) { try layered.int(at: "bad") }
        #expect(try LayeredLookup([defaults, self.environment]).int(at: "port") == 1)
        #expect(try LayeredLookup([defaults, self.environment]).bool(at: "flag") == true)
        #expect(try LayeredLookup([]).int(at: "port") == nil)
        #expect(layered.name == "environment, defaults")
    }

    @Test("what any layer calls secret is secret in all of them, and no text form shows it")
    func secrets() throws {
        let defaults = ConfigLookup(
            ["port": 1, "db": ["password": "hunter3"]],
            name: "defaults",
            secrets: .at("port", "db")
        )
        let layered = LayeredLookup([self.environment, defaults])
        let port = try #require(try layered.value(at: "port", as: .int))
        #expect(port.isSecret && port.description == "<redacted>" && port.content == .int(80))
        #expect(try layered.value(at: "db.password", as: .string)?.isSecret == true)
        var dumped = ""
        dump(layered, to: &dumped)
        dump(self.environment, to: &dumped)
        for text in ["\(layered)", String(reflecting: layered), dumped, String(reflecting: self.environment)] {
            #expect(!text.contains("hunter"))
        }
    }

    @Test("a look-up goes on showing the state that it was made of")
    func consistency() throws {
        var value: ConfigValue = ["a": 1, "b": 1]
        let before = ConfigLookup(value, name: "x")
        value = ["a": 2, "b": 2]
        let after = LayeredLookup([ConfigLookup(value, name: "x"), before])
        #expect(try before.int(at: "a") == before.int(at: "b"))
        #expect(try before.int(at: "a") == 1)
        #expect(try after.int(at: "a") == 2)
    }

    @Test("values of every type have a text form, bytes by their number only")
    func texts() {
        let contents: [(ConfigLookupContent, String)] = [
            (.string("a\n"), "\"a\\n\""), (.int(1), "1"), (.double(0.5), "0.5"), (.bool(true), "true"),
            (.bytes([1, 2]), "2 bytes"),
            (.stringArray(["a"]), "[\"a\"]"), (.intArray([1]), "[1]"), (.doubleArray([1]), "[1.0]"),
            (.boolArray([true]), "[true]"),
            (.byteChunkArray([[1]]), "[\"1 bytes\"]"),
        ]
        for (content, text) in contents {
            #expect(ConfigLookupValue(content, isSecret: false).description == text)
            #expect(ConfigLookupValue(content, isSecret: true).description == "<redacted>")
        }
    }
}
