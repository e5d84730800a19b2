import Rollcall

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

/// A program that was started and whose end nobody has seen yet, so that its process id means no other.
struct SpawnedProgram: Sendable {
    #if canImport(Darwin)
    private typealias Actions = posix_spawn_file_actions_t?
    private typealias Attributes = posix_spawnattr_t?
    #else
    private typealias Actions = posix_spawn_file_actions_t
    private typealias Attributes = posix_spawnattr_t
    #endif

    /// The process id.
    let id: pid_t

    /// Starts a program, with no signal blocked and in a process group of its own, so that Control-C reaches the tests
    /// alone, which then end it.
    ///
    /// - Parameters:
    ///   - command: The path of the program, and its arguments.
    ///   - environment: The variables that it has.
    ///   - input: The descriptor for its standard input; `nil` for nothing to read.
    ///   - output: The file that what it says is added to.
    /// - Throws: A `SystemError`.
    init(
        _ command: [String],
        environment: [String: String],
        input: Int32? = nil,
        output: String
    ) throws(SystemError) {
        #if canImport(Darwin)
        var (actions, attributes) = (Actions.none, Attributes.none)
        #else
        var (actions, attributes) = (Actions(), Attributes())
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        var id = pid_t()
        let status = Self.withCStrings(command) { arguments in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawn(&id, command.first ?? "", &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else { throw SystemError("starting \(command.first ?? "nothing")", number: status) }
        self.id = id
    }

    /// Sends a signal.
    func signal(_ number: Int32) { _ = kill(self.id, number) }

    /// Blocks until it has ended, and gives its process id back.
    ///
    /// - Returns: The status that it ended with; `nil` when a signal ended it.
    @discardableResult
    func reap() -> Int32? {
        var status: Int32 = 0
        while waitpid(self.id, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : nil
    }

    /// Blocks until a SIGSTOP has reached it.
    func awaitStop() {
        while waitpid(self.id, nil, WUNTRACED) < 0, errno == EINTR {}
    }

    /// Whether it has ended; its process id stays taken.
    var hasEnded: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(self.id), &information, WEXITED | WNOWAIT | WNOHANG) != 0
            || information.si_signo == SIGCHLD
    }

    /// Runs a program to its end, which blocks.
    ///
    /// - Parameter command: The path of the program, and its arguments.
    /// - Returns: What it said.
    /// - Throws: A `SystemError`, or an error of the file that takes what it says.
    static func output(of command: [String]) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/rollcall-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try SpawnedProgram(command, environment: [:], output: path).reap()
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    /// Gives `body` the texts as C wants them: an array that ends with a null pointer.
    private static func withCStrings<Value>(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
