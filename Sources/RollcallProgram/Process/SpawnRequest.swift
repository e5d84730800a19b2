#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What `posix_spawn` is asked for.
struct SpawnRequest {
    #if canImport(Darwin)
    private typealias Actions = posix_spawn_file_actions_t?
    private typealias Attributes = posix_spawnattr_t?
    #else
    private typealias Actions = posix_spawn_file_actions_t
    private typealias Attributes = posix_spawnattr_t
    #endif

    /// The program and its arguments.
    let command: [String]
    /// The variables that the child has.
    let environment: [String: String]
    /// Where its standard input comes from.
    let input: ChildProcess.Stream
    /// Where its standard output goes.
    let output: ChildProcess.Stream
    /// Where its standard error goes.
    let errors: ChildProcess.Stream

    /// Starts the program.
    ///
    /// - Returns: Its process id.
    /// - Throws: Why it does not start.
    func spawn() throws(AttemptError) -> pid_t {
        guard let program = self.command.first, !program.isEmpty else { throw AttemptError(ENOENT, "run nothing") }
        var actions = Self.makeActions()
        var attributes = Self.makeAttributes()
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        Self.direct(STDIN_FILENO, to: self.input, &actions)
        Self.direct(STDOUT_FILENO, to: self.output, &actions)
        Self.direct(STDERR_FILENO, to: self.errors, &actions)
        Self.resetSignals(&attributes)
        var id = pid_t()
        let variables = self.environment.map { "\($0.key)=\($0.value)" }
        let status = Self.withCStrings(self.command) { arguments in
            Self.withCStrings(variables) { variables in
                posix_spawnp(&id, program, &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else { throw AttemptError(status, "run \(program)") }
        return id
    }

    private static func makeActions() -> Actions {
        #if canImport(Darwin)
        var actions: Actions = nil
        #else
        var actions = Actions()
        #endif
        posix_spawn_file_actions_init(&actions)
        return actions
    }

    private static func makeAttributes() -> Attributes {
        #if canImport(Darwin)
        var attributes: Attributes = nil
        #else
        var attributes = Attributes()
        #endif
        posix_spawnattr_init(&attributes)
        return attributes
    }

    private static func direct(_ descriptor: Int32, to stream: ChildProcess.Stream, _ actions: inout Actions) {
        switch stream {
        case .inherited: break
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        case .descriptor(let other): posix_spawn_file_actions_adddup2(&actions, other, descriptor)
        }
    }

    private static func resetSignals(_ attributes: inout Attributes) {
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        // These two cannot be set, and some systems refuse the attempt.
        for number in [SIGKILL, SIGSTOP] { sigdelset(&all, number) }
        if SignalHandlers.isIgnored(SIGHUP) { sigdelset(&all, SIGHUP) }
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
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
