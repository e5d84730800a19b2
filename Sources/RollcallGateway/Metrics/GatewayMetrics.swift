import Rollcall

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
        var text = MetricsText(prefix: "rollcall_gateway_")
        text.counter("requests_total", "Requests that were read.", self.requests)
        text.gauge("requests_active", "Requests under way.", self.activeRequests)
        let classes = self.responses.enumerated().map { ("{status=\"\($0.offset + 1)xx\"}", "\($0.element)") }
        text.add("responses_total", "counter", "Answers of services.", classes)
        let problems = self.problems.sorted { $0.key < $1.key }.map { ("{status=\"\($0.key)\"}", "\($0.value)") }
        text.add("problems_total", "counter", "Answers of the gateway itself.", problems)
        text.counter("retries_total", "Attempts on another instance or connection.", self.retries)
        text.counter("retries_refused_total", "Attempts left out because the budget was spent.", self.retriesRefused)
        text.counter("connects_total", "Connections made to instances.", self.connects)
        text.counter("connect_failures_total", "Connections to instances that failed.", self.connectFailures)
        text.counter("ejections_total", "Times that an instance was left out for a while.", self.ejections)
        text.counter("responses_cut_total", "Answers cut after they began.", self.cutResponses)
        text.counter("tunnels_total", "WebSockets opened.", self.tunnels)
        text.counter("clients_gone_total", "Clients that left before their answer.", self.clientsGone)
        text.counter("response_bytes_total", "Bytes of bodies of answers.", self.responseBytes)
        return text.text
    }
}
