/// The commands, in the order of the help.
package enum CommandList {
    /// All of them; a new one is one more line.
    package static let all: [any Command] = [
        DemoCommand(),
        ServeCommand(),
        GatewayCommand(),
        LogsServeCommand(),
        LogsTailCommand(),
        VisitsCommand(),
        CatalogCommand(),
        HelloCommand(),
        RegisterCommand(),
        DeregisterCommand(),
        SetCommand(),
        ServicesCommand(),
        InstancesCommand(),
        WatchCommand(),
        PickCommand(),
        CallCommand(),
        HealthCommand(),
        DoctorCommand(),
        CompletionCommand(),
    ]
}
