package import Rollcall
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A server that runs as a process of its own, in a temporary folder and on ports that nobody else gets.
///
/// It is gone with the value, and with this process however that ends.
package final class ServerProcess: Sendable {
    /// Where a server runs.
    package struct Place: Sendable {
        /// A folder of its own, which is removed with it.
        package let folder: String
        /// Ports of 127.0.0.1, as many as were asked for.
        package let ports: [Int]

        /// The folder for what it keeps, which a restart without data removes.
        package var data: String { self.folder + "/data" }
    }

    /// How a server is run.
    package struct Launch: Sendable {
        /// The program and its arguments.
        package var command: @Sendable (Place) -> [String]
        /// The variables that it has.
        package var environment: [String: String]
        /// Whether it answers as it should.
        package var isReady: @Sendable (Place) async -> Bool
        /// How long it may take until it does, on a machine that is busy with other tests.
        package var patience: Duration

        /// Says how a server is run.
        package init(
            command: @escaping @Sendable (Place) -> [String],
            environment: [String: String] = [:],
            patience: Duration = .seconds(60),
            isReady: @escaping @Sendable (Place) async -> Bool
        ) {
            self.command = command
            self.environment = environment
            self.patience = patience
            self.isReady = isReady
        }
    }

    private typealias Running = (program: SpawnedProgram, watchdog: Watchdog)

    /// Its name, for messages.
    package let name: String
    /// Where it runs.
    package let place: Place
    private let launch: Launch
    private let heldPorts: [HeldPort]
    private let running = Mutex<Running?>(nil)

    /// Takes a folder and ports; ``start()`` starts the server.
    ///
    /// - Parameters:
    ///   - name: Its name, for messages.
    ///   - portCount: How many ports it needs.
    ///   - launch: How it is run.
    /// - Throws: `unavailable` when the system gives no port or no folder.
    package init(_ name: String, portCount: Int, launch: Launch) throws(BackendError) {
        self.name = name
        self.launch = launch
        var ports: [HeldPort] = []
        for _ in 0..<portCount { ports.append(try HeldPort()) }
        self.heldPorts = ports
        let parent = FileManager.default.temporaryDirectory.path
        var template = Array("\(parent)/rollcall-server.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BackendError(.unavailable, "no folder can be made in \(parent): error \(errno)")
        }
        let folder = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.place = Place(folder: folder, ports: ports.map(\.number))
    }

    deinit {
        self.kill()
        try? FileManager.default.removeItem(atPath: self.place.folder)
    }

    /// The process id while it runs.
    package var id: Int32? { self.running.withLock { $0?.program.id } }

    /// Whether it runs, be it paused.
    package var isRunning: Bool { self.running.withLock { $0.map { !$0.program.hasEnded } ?? false } }

    /// What it said last.
    ///
    /// - Parameter count: The number of lines.
    /// - Returns: The lines.
    package func output(last count: Int = 20) -> String {
        let text = (try? String(contentsOfFile: self.outputPath, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(count).joined(separator: "\n")
    }

    /// Starts it and waits until it is ready.
    ///
    /// - Throws: `unavailable` with what it said last when it does not become ready or ends, `cancelled`.
    package func start() async throws(BackendError) {
        try self.spawn()
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: self.launch.patience)
        while await !self.launch.isReady(self.place) {
            guard self.isRunning else { throw self.failure("ended while it started") }
            guard clock.now < deadline else { throw self.failure("did not become ready in \(self.launch.patience)") }
            guard (try? await clock.sleep(for: .milliseconds(10))) != nil else {
                throw BackendError(.cancelled, "the task was cancelled")
            }
        }
    }

    /// Kills it by SIGKILL; nothing happens when it does not run.
    package func kill() {
        self.running.withLock { $0.take() }?.watchdog.kill()
    }

    /// Stops it by SIGTERM, and by SIGKILL when that takes too long.
    ///
    /// - Parameter grace: How long it may take.
    package func stop(within grace: Duration = .seconds(10)) async {
        self.running.withLock { running in
            running?.program.signal(SIGTERM)
            running?.program.signal(SIGCONT)
        }
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: grace)
        while self.isRunning, clock.now < deadline, (try? await clock.sleep(for: .milliseconds(5))) != nil {}
        self.kill()
    }

    /// Makes it stand still by SIGSTOP: its connections stay, and nothing answers.
    package func pause() {
        self.running.withLock { running in
            guard let program = running?.program, !program.hasEnded else { return }
            program.signal(SIGSTOP)
            program.awaitStop()
        }
    }

    /// Lets it go on after ``pause()``.
    package func resume() { self.running.withLock { $0?.program.signal(SIGCONT) } }

    /// Kills it if it runs, and starts it again on the same ports.
    ///
    /// - Parameter keepsData: Whether it finds what it kept.
    /// - Throws: What ``start()`` throws.
    package func restart(keepingData keepsData: Bool) async throws(BackendError) {
        self.kill()
        if !keepsData { self.removeData() }
        try await self.start()
    }

    /// Removes what it kept, while it does not run.
    package func removeData() { try? FileManager.default.removeItem(atPath: self.place.data) }

    private var outputPath: String { self.place.folder + "/output" }

    private func spawn() throws(BackendError) {
        let command = self.launch.command(self.place)
        do throws(SystemError) {
            try self.running.withLock { running throws(SystemError) in
                guard running == nil else { return }
                let program = try SpawnedProgram(
                    command,
                    environment: self.launch.environment,
                    output: self.outputPath
                )
                do throws(SystemError) {
                    running = (program, try Watchdog(over: program))
                } catch {
                    program.signal(SIGKILL)
                    program.reap()
                    throw error
                }
            }
        } catch {
            throw BackendError(.unavailable, "\(self.name) cannot be started: \(error)")
        }
    }

    private func failure(_ event: String) -> BackendError {
        let error = BackendError(.unavailable, "\(self.name) \(event); it said last:\n\(self.output())")
        self.kill()
        return error
    }
}
