/// What a gateway did so far.
public struct GatewayMetrics: Hashable, Sendable {
    /// Requests that were read.
    public var requests = 0
    /// Requests under way.
    public var activeRequests = 0
    /// Answers of services by the first digit of their status, from 1xx to 5xx; interim ones are not counted.
    public var responses = [0, 0, 0, 0, 0]
    /// Answers of the gateway itself by status: 400, 404, 408, 414, 431, and from 501 to 505.
    public var problems: [Int: Int] = [:]
    /// Attempts on another instance, or on a fresh connection.
    public var retries = 0
    /// Attempts that were left out because the budget was spent.
    public var retriesRefused = 0
    /// Connections to instances that were made.
    public var connects = 0
    /// Connections to instances that could not be made.
    public var connectFailures = 0
    /// How often an instance was left out for a while.
    public var ejections = 0
    /// Answers that were cut because the instance broke off, or the client did not keep to HTTP or read on.
    public var cutResponses = 0
    /// WebSockets that were opened.
    public var tunnels = 0
    /// Clients that left before their answer was there.
    public var clientsGone = 0
    /// Bytes of bodies of answers.
    public var responseBytes = 0

    /// The figures in the text format of Prometheus.
    public var prometheusText: String {
        var text = ""
        func add(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: Int)]) {
            text += "# HELP rollcall_gateway_\(name) \(help)\n# TYPE rollcall_gateway_\(name) \(type)\n"
            for sample in samples { text += "rollcall_gateway_\(name)\(sample.labels) \(sample.value)\n" }
        }
        func counter(_ name: String, _ help: String, _ value: Int) { add(name, "counter", help, [("", value)]) }
        counter("requests_total", "Requests that were read.", self.requests)
        add("requests_active", "gauge", "Requests under way.", [("", self.activeRequests)])
        let classes = self.responses.enumerated().map { ("{status=\"\($0.offset + 1)xx\"}", $0.element) }
        add("responses_total", "counter", "Answers of services.", classes)
        let problems = self.problems.sorted { $0.key < $1.key }.map { ("{status=\"\($0.key)\"}", $0.value) }
        add("problems_total", "counter", "Answers of the gateway itself.", problems)
        counter("retries_total", "Attempts on another instance or connection.", self.retries)
        counter("retries_refused_total", "Attempts left out because the budget was spent.", self.retriesRefused)
        counter("connects_total", "Connections made to instances.", self.connects)
        counter("connect_failures_total", "Connections to instances that failed.", self.connectFailures)
        counter("ejections_total", "Times that an instance was left out for a while.", self.ejections)
        counter("responses_cut_total", "Answers cut after they began.", self.cutResponses)
        counter("tunnels_total", "WebSockets opened.", self.tunnels)
        counter("clients_gone_total", "Clients that left before their answer.", self.clientsGone)
        counter("response_bytes_total", "Bytes of bodies of answers.", self.responseBytes)
        return text
    }
}
