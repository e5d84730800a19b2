import Rollcall
import RollcallFormats
import RollcallTesting
import Testing

@Suite("Mutated TOML and YAML", .timeLimit(.minutes(3)))
struct FormatFuzzTests {
    private static let toml = [
        "title = \"hunter2\"\n[a.b]\nc.d = [1, 2.5, { e = 'f', g.h = 0x1F }]\n[[p]]\nx = 1979-05-27 07:32:00Z\n[[p]]\ny = '''\nz'''\n",
        "a.b.c = 1_000\n\"k é\" = \"\"\"a \\\n  b \\u00e9\"\"\" # c\n[t]\n'q' = [true, false, inf, -nan, 07:32:00]\n[t.u]\n",
    ]
    private static let yaml = [
        "a: &x {b: [1, 2.5, 'hunter2'], c: ~}\nd: *x\ne:\n  - f: g\n    h: \"i\\u00e9\"\n  - |\n    text\n    more\n  - >-\n    folded\n",
        "%YAML 1.2\n---\n? k\n: !!str 12\nl: [0o14, 0x1F, .inf, -1e3, yes, null]\n\"m n\": {o: p, q: [r, s]}\n...\n",
    ]

    @Test("mutants never crash or hang, and errors have a place and no value", arguments: 0..<24)
    func mutants(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for (format, seeds) in [(ConfigContent.Format.toml, Self.toml), (.yaml, Self.yaml)] {
            var accepted = 0
            for _ in 0..<300 {
                let text = seeds.randomElement(using: &generator) ?? ""
                let bytes = Mutation.of(Array(text.utf8), using: &generator)
                if Self.isAccepted(ConfigContent(bytes: bytes, format: format)) { accepted += 1 }
            }
            #expect(accepted > 3, "only \(accepted) mutants were legal: the test proves little")
        }
    }

    @Test("random bytes never crash or hang", arguments: 0..<12)
    func random(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed &+ 900)
        let alphabet = Array("[]{}\"'=.,:-&*!|>%#?~<\\ \n\r\t019abtfe_".utf8) + [0, 0x7F, 0xC3, 0xFF]
        for _ in 0..<300 {
            let isAny = Int.random(in: 0..<4, using: &generator) == 0
            let bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                isAny
                    ? UInt8.random(in: .min ... .max, using: &generator)
                    : alphabet[Int.random(in: alphabet.indices, using: &generator)]
            }
            for format in [ConfigContent.Format.toml, .yaml, .json] {
                _ = Self.isAccepted(ConfigContent(bytes: bytes, format: format))
            }
        }
    }

    @Test("reading and failing a thousand times over leaves no memory behind")
    func leaks() {
        let good = ConfigContent("a: &x [" + String(repeating: "text, ", count: 5000) + "b]\nc: *x", format: .yaml)
        let bad = ConfigContent(bytes: good.bytes + Array("\n\"".utf8), format: .yaml)
        func read(_ times: Int) {
            for _ in 0..<times { _ = (Self.isAccepted(good), Self.isAccepted(bad)) }
        }
        read(20)
        let before = ProcessResources.residentBytes
        read(200)
        // Each run holds about 1 MiB while it lasts; two hundred of them would show.
        #expect(ProcessResources.residentBytes - before < 40 << 20)
    }

    private static func isAccepted(_ content: ConfigContent) -> Bool {
        do throws(ConfigFormatError) {
            let value = try ConfigReader.all.parse(content)
            _ = try? value.decode([String: [String: Int]].self)
            return true
        } catch {
            #expect((error.line ?? 0) >= 1 && (error.column ?? 0) >= 1, "\(error)")
            #expect(!error.description.contains("hunter2"))
            return false
        }
    }
}
