import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

/// Every command that asks a registry, on a real etcd and a real Consul.
@Suite("The program on engines", .serialized, .timeLimit(.minutes(2)))
struct EngineProgramTests {
    /// The program with all of its drivers, on one registry.
    private struct Bench {
        let options: [String]
        let signals = SignalInbox()
        let output = Transcript()
        let errors = Transcript()

        func run(_ line: String) async -> ExitCode {
            let arguments = line.split(separator: " ").map(String.init)
            // Options come before the command that is to be run.
            let end = arguments.firstIndex(of: "--") ?? arguments.count
            return await Program(services: .standard).run(
                Array(arguments[..<end]) + self.options + Array(arguments[end...]),
                in: Surroundings(
                    environment: ["PATH": "/usr/bin:/bin", "ROLLCALL_DRAIN": "1ms"],
                    output: self.output.sink(),
                    errors: self.errors.sink(),
                    input: { Array("7".utf8) },
                    signals: self.signals,
                    exitNow: { _ in }
                )
            )
        }
    }

    /// Lines, what each ends with, and what it writes.
    private static let lines: [(line: String, code: ExitCode, output: String)] = [
        ("services", .done, "web"),
        ("instances web", .done, "192.0.2.7"),
        ("instances nobody", .notThere, ""),
        ("pick web", .done, "http://192.0.2.7:80"),
        ("set web a --weight 5", .done, ""),
        ("instances web --output json", .done, "\"weight\":5"),
        ("health", .done, "reachable"),
        ("config put shop/limits -", .done, ""),
        ("config get shop/limits", .done, "7"),
        ("config list", .done, "shop/limits"),
        ("config export", .done, "shop/limits"),
        ("config put shop/limits - --expect none", .conflict, ""),
        ("config delete shop/limits", .done, ""),
        ("config get shop/limits", .notThere, ""),
        ("lock nightly -- echo", .done, ""),
        ("elect job -- echo", .done, ""),
    ]

    private static func check(_ options: [String]) async throws {
        let holder = Bench(options: options)
        let watcher = Bench(options: options)
        try await withThrowingTaskGroup(of: ExitCode.self) { group in
            group.addTask { await holder.run("register web --id a --endpoint http://192.0.2.7:80") }
            try await eventually { holder.output.text.hasPrefix("registered web/") }
            group.addTask { await watcher.run("watch web") }
            try await eventually { watcher.output.text.contains("192.0.2.7") }
            for (line, code, output) in Self.lines {
                let bench = Bench(options: options)
                let end = await bench.run(line)
                #expect(end == code, "\(line): \(bench.output.text) \(bench.errors.text)")
                #expect(output.isEmpty || bench.output.text.contains(output), "\(line): \(bench.output.text)")
            }
            holder.signals.deliver(.terminate)
            try await eventually { watcher.output.text.contains("- web/") }
            watcher.signals.deliver(.terminate)
            for try await code in group { #expect(code == .done) }
        }
        let bench = Bench(options: options)
        #expect(await bench.run("deregister web a") == .notThere, "\(bench.errors.text)")
    }

    @Test(
        "etcd",
        .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
        arguments: ServerProgram.etcd,
        ["rollcall", "goServiceLink", "grpc"]
    )
    func etcd(_ program: ServerProgram, _ layout: String) async throws {
        try await EtcdServer.withServer(program) { server in
            try await Self.check(["--backend", "etcd://127.0.0.1:\(server.clientPort)", "--layout", layout])
        }
    }

    @Test(
        "Consul",
        .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul))),
        arguments: ServerProgram.consul,
        ["rollcall", "goServiceLink"]
    )
    func consul(_ program: ServerProgram, _ layout: String) async throws {
        try await ConsulServer.withServer(program) { server in
            try await Self.check(["--backend", "consul://127.0.0.1:\(server.httpPort)", "--layout", layout])
        }
    }
}
