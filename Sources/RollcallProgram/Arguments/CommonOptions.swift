/// The options that every command takes, before or behind its name.
package enum CommonOptions {
    /// The backend of those who name none.
    package static let defaultBackend = "hub://127.0.0.1:20000"

    /// The layouts of keys that backends with layouts know.
    package static let layouts = ["rollcall", "goServiceLink", "discox", "grpc", "curator"]

    /// All of them, in the order of the help.
    package static let all: [OptionSpec] = [
        .value("backend", "URL", "the registry (ROLLCALL_BACKEND; else \(defaultBackend))"),
        .value("namespace", "NAME", "the namespace that all names mean (ROLLCALL_NAMESPACE; else default)"),
        .value("token", "TOKEN", "what proves who asks (ROLLCALL_TOKEN); others on the machine can see it here"),
        .value("token-file", "FILE", "a file with the token"),
        .value("layout", choices: layouts, "how records are laid out, where the backend has layouts"),
        .value("output", choices: OutputFormat.allCases.map(\.rawValue), "a table for people, or JSON for programs"),
        .value("timeout", "DURATION", "how long to wait for the registry: 500ms, 10s (ROLLCALL_LOOKUP_TIMEOUT)"),
        .flag("quiet", "say nothing on standard error but errors"),
        .flag("verbose", "say on standard error what happens in the background"),
        .flag("no-color", "no colours; there are none either with NO_COLOR or where no terminal is"),
        .flag("help", short: "h", "explain the command"),
    ]
}
