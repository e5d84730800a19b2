import Synchronization

/// The figures of one loop; its requests count without sharing a line of the cache with other loops'.
final class LoopCounters: Sendable {
    /// What is counted.
    enum Figure: Int, CaseIterable {
        /// See ``GatewayMetrics``.
        case requests, active, retries, retriesRefused, connects, connectFailures, ejections, cut, tunnels, gone, bytes
        /// Answers of services.
        case status1xx, status2xx, status3xx, status4xx, status5xx
        /// Answers of the gateway.
        case problem400, problem404, problem408, problem414, problem431
        case problem501, problem502, problem503, problem504, problem505, problemOther

        /// The statuses of the gateway's answers that have a figure of their own.
        static let problems: [Int: Figure] = [
            400: .problem400, 404: .problem404, 408: .problem408, 414: .problem414, 431: .problem431,
            501: .problem501, 502: .problem502, 503: .problem503, 504: .problem504, 505: .problem505,
        ]

        /// The figure of a service's status.
        static func response(_ status: Int) -> Figure {
            Figure(rawValue: Figure.status1xx.rawValue + min(max(status / 100, 1), 5) - 1) ?? .status5xx
        }

        /// The figure of an answer of the gateway.
        static func problem(_ status: Int) -> Figure { self.problems[status] ?? .problemOther }
    }

    private final class Cell: Sendable {
        let value = Atomic<Int>(0)
    }

    private let cells = Figure.allCases.map { _ in Cell() }

    /// Adds to a figure.
    func add(_ figure: Figure, _ count: Int = 1) {
        self.cells[figure.rawValue].value.wrappingAdd(count, ordering: .relaxed)
    }

    /// A figure now.
    func value(_ figure: Figure) -> Int { self.cells[figure.rawValue].value.load(ordering: .relaxed) }
}

extension GatewayMetrics {
    /// The sum over all loops.
    init(_ loops: [LoopCounters]) {
        func sum(_ figure: LoopCounters.Figure) -> Int { loops.reduce(0) { $0 + $1.value(figure) } }
        self.init()
        self.requests = sum(.requests)
        self.activeRequests = sum(.active)
        self.responses = [.status1xx, .status2xx, .status3xx, .status4xx, .status5xx].map(sum)
        for (status, figure) in LoopCounters.Figure.problems {
            let count = sum(figure)
            if count > 0 { self.problems[status] = count }
        }
        self.retries = sum(.retries)
        self.retriesRefused = sum(.retriesRefused)
        self.connects = sum(.connects)
        self.connectFailures = sum(.connectFailures)
        self.ejections = sum(.ejections)
        self.cutResponses = sum(.cut)
        self.tunnels = sum(.tunnels)
        self.clientsGone = sum(.gone)
        self.responseBytes = sum(.bytes)
    }
}
