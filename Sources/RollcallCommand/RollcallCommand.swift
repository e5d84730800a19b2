import RollcallProgram

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The program `rollcall`.
@main
enum RollcallCommand {
    static func main() async {
        let signals = SignalInbox()
        let surroundings = Surroundings.ofProcess(signals: signals)
        do throws(AttemptError) {
            try SignalHandlers.install(delivering: signals)
        } catch {
            Terminal(output: surroundings.output, errors: surroundings.errors)
                .report(Problem(error, backend: ""))
            exit(ExitCode.notThere.rawValue)
        }
        let code = await Program(services: .standard).run(Array(CommandLine.arguments.dropFirst()), in: surroundings)
        exit(code.rawValue)
    }
}
