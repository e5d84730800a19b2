import Foundation
import Rollcall
import RollcallTesting
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Server programs and processes of tests", .timeLimit(.minutes(1)))
struct ServerProcessTests {
    @Test("what REQUIRED_BACKENDS names is here")
    func required() {
        #expect(ServerProgram.missing() == [], "scripts/backends says how to get them")
    }

    @Test("a backend that nobody knows is missing")
    func unknown() {
        #expect(ServerProgram.missing(environment: ["REQUIRED_BACKENDS": "tarantool"]) == ["tarantool"])
        #expect(ServerProgram.missing(environment: [:]) == [])
    }

    @Test("a package of Python that is not there is told by the name of Debian's, and is missing where it is required")
    func python() async throws {
        let package = PythonPackage("python-nothing", module: "no_such_module", debianPackage: "python3-nothing")
        #expect(!package.isHere && !package.isRequired && !package.isWanted)
        #expect(package.skipReason.contains("python3-nothing") && !package.skipReason.contains("\n"))
        let error = await #expect(throws: BackendError.self) { _ = try await package.run("/nowhere.py", []) }
        #expect(error?.code == .unavailable)
        let required = ["REQUIRED_BACKENDS": "etcd,python-nothing"]
        let missing = ServerProgram.missing(environment: required, of: [], and: [package])
        #expect(missing == ["etcd", "python-nothing"])
    }

    @Test("a variable comes before a folder, and versions stand side by side, the oldest first")
    func finding() async throws {
        let folder = NSTemporaryDirectory() + "rollcall-programs-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func add(_ path: String, version: String) throws -> String {
            let file = folder + "/" + path
            let place = URL(fileURLWithPath: file).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try "#!/bin/sh\necho etcd Version: \(version)\necho Go Version: go1.2.3".write(
                toFile: file,
                atomically: false,
                encoding: .utf8
            )
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            return file
        }
        let named = try add("named/etcd", version: "3.10.1")
        let unpacked = try add("unpacked/etcd", version: "3.10.1")
        let gathered = try add(".build/backends/etcd-3.4.23/etcd", version: "never asked")
        let onPath = try add("bin/etcd", version: "3.9.0-rc.1")
        #expect(unpacked != named)
        let environment = ["ETCD_BIN": named, "BACKENDS_DIR": folder + "/unpacked", "PATH": "/none:" + folder + "/bin"]
        // A file that was written just now cannot be run while a process that another test spawns still has it open.
        try await eventually { ServerProgram.find(.etcd, environment: environment, folder: folder).count == 3 }
        let found = ServerProgram.find(.etcd, environment: environment, folder: folder)
        #expect(found.map(\.version) == ["3.4.23", "3.9.0", "3.10.1"])
        #expect(found.map(\.path) == [gathered, onPath, named])
        #expect(found.map { $0.isAtLeast("3.9.0") } == [false, true, true])
    }

    @Test("a server that ends at once says so, and its folder goes with it")
    func endsAtOnce() async throws {
        var server: ServerProcess? = try Self.server("echo no disk; exit 1")
        let folder = try #require(server?.place.folder)
        let error = await #expect(throws: BackendError.self) { try await server?.start() }
        #expect(error?.message.contains("no disk") == true)
        #expect(error?.message.contains("ended while it started") == true)
        server = nil
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("waiting for a server that never becomes ready ends with the task")
    func cancelled() async throws {
        let server = try Self.server("exec sleep 60", isReady: false)
        let error = await withTaskGroup(of: BackendError?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await server.start()
                    return nil
                } catch {
                    return error
                }
            }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.code == .cancelled)
        server.kill()
        #expect(!server.isRunning)
    }

    @Test("its ports are given to nobody else, while it runs or not")
    func ports() throws {
        let server = try Self.server("exec sleep 60")
        let held = Set(server.place.ports)
        #expect(held.count == 3)
        for _ in 0..<2000 { #expect(try !held.contains(FreePort.find())) }
    }

    @Test("it dies with a process that crashes")
    func crash() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { try await ServerProcessTests.startAndCrash("running") }
        try await Self.expectGone("running")
    }

    @Test("it dies with a process that crashes while it is paused")
    func crashWhilePaused() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { try await ServerProcessTests.startAndCrash("paused") }
        try await Self.expectGone("paused")
    }

    static func startAndCrash(_ state: String) async throws {
        let server = try Self.server("exec sleep 600")
        try await server.start()
        if state == "paused" { server.pause() }
        let note = "\(server.id ?? 0) \(server.place.folder)"
        try note.write(toFile: Self.note(state, of: getppid()), atomically: false, encoding: .utf8)
        kill(getpid(), SIGKILL)
    }

    private static func expectGone(_ state: String) async throws {
        let path = Self.note(state, of: getpid())
        let note = try String(contentsOfFile: path, encoding: .utf8).split(separator: " ")
        // What crashed could not tidy up.
        for path in [path, String(note[1])] { try FileManager.default.removeItem(atPath: path) }
        let id = try #require(Int32(note[0]))
        // Whoever took the orphan over may take a while to reap it.
        try await eventually { kill(id, 0) != 0 || Self.isZombie(id) }
    }

    /// A path that a test and the process that it starts both know.
    private static func note(_ state: String, of pid: Int32) -> String {
        NSTemporaryDirectory() + "rollcall-crash-\(state)-\(pid)"
    }

    private static func server(_ script: String, isReady: Bool = true) throws -> ServerProcess {
        try ServerProcess(
            "script",
            portCount: 3,
            launch: .init { _ in
                ["/bin/sh", "-c", script]
            } isReady: { _ in
                // The script has had the time to end if it wants to.
                try? await Task.sleep(for: .milliseconds(100))
                return isReady && script.contains("sleep")
            }
        )
    }

    private static func isZombie(_ id: Int32) -> Bool {
        (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8))?.contains(") Z ") == true
    }
}
