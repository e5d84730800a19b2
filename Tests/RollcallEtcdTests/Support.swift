import GRPCEngine
import Rollcall
import RollcallTesting

@testable import RollcallEtcd

/// An instance of the service `web`.
func sample(_ id: String) throws -> ServiceInstance {
    try ServiceInstance(
        service: try ServiceName("web"),
        id: try InstanceID(id),
        endpoints: [try Endpoint("http://10.0.0.7:8080")]
    )
}

/// Runs `background` for as long as `body` runs.
func alongside<Value>(
    _ background: @escaping @Sendable () async throws -> Void,
    _ body: () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await background() }
        defer { group.cancelAll() }
        return try await body()
    }
}

/// Runs a client for as long as `body` runs.
func withEtcd<Value>(
    _ url: String,
    _ configuration: EtcdBackend.Configuration = EtcdBackend.Configuration(),
    _ body: (EtcdBackend) async throws -> Value
) async throws -> Value {
    let backend = try EtcdBackend(url: url, configuration: configuration)
    return try await alongside {
        try await backend.run()
    } _: {
        try await body(backend)
    }
}

/// Runs a client of the one server on a port for as long as `body` runs.
func withEtcd<Value>(
    port: Int,
    _ configuration: EtcdBackend.Configuration = EtcdBackend.Configuration(),
    _ body: (EtcdBackend) async throws -> Value
) async throws -> Value {
    try await withEtcd("etcd://127.0.0.1:\(port)", configuration, body)
}

/// Runs a proxy to a port for as long as `body` runs.
func withProxy<Value>(to port: Int, _ body: (FaultProxy) async throws -> Value) async throws -> Value {
    let proxy = try FaultProxy(to: port)
    return try await alongside {
        await proxy.run()
    } _: {
        try await body(proxy)
    }
}

/// Records what a watch of the service `web` delivers for as long as `body` runs.
func watching<Value>(
    _ backend: EtcdBackend,
    _ body: (MutexBox<[ServiceSnapshot]>) async throws -> Value
) async throws -> Value {
    let snapshots = MutexBox<[ServiceSnapshot]>([])
    let service = try ServiceName("web")
    return try await alongside {
        try await backend.watch(service) { new in snapshots.change { $0.append(new) } }
    } _: {
        try await body(snapshots)
    }
}

/// Records what a watch of a key delivers for as long as `body` runs: `1 text`, `absent` or `undecodable`.
func watching<Value>(
    _ backend: EtcdBackend,
    _ key: ConfigKey,
    _ body: (MutexBox<[String]>) async throws -> Value
) async throws -> Value {
    let states = MutexBox<[String]>([])
    return try await alongside {
        try await backend.watch(key) { state in
            switch state {
            case .present(let entry): states.change { $0.append("\(entry.version) \(entry.content.text ?? "")") }
            case .absent: states.change { $0.append("absent") }
            case .undecodable: states.change { $0.append("undecodable") }
            }
        }
    } _: {
        try await body(states)
    }
}

extension [ServiceSnapshot] {
    /// The ids that the latest snapshot shows.
    var latestIDs: [String]? { self.last?.instances.map(\.id.text) }

    /// Whether the latest snapshot is live and shows these ids.
    func isLive(with ids: String...) -> Bool { self.last?.freshness == .live && self.latestIDs == ids }
}

/// What a server of etcd says.
enum EtcdReply {
    private static func message(_ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        body(&writer)
        return writer.bytes
    }

    private static func header(_ revision: Int64, _ writer: inout ProtobufWriter) {
        writer.message(1) { writer in
            writer.integer(1, 1)
            writer.integer(2, 1)
            writer.integer(3, revision)
        }
    }

    private static func write(_ record: EtcdRecord, _ writer: inout ProtobufWriter) {
        writer.bytes(1, record.key)
        writer.integer(2, record.createRevision)
        writer.integer(3, record.modRevision)
        writer.integer(4, record.version)
        writer.bytes(5, record.value)
        writer.integer(6, record.lease)
    }

    /// `StatusResponse`.
    static func status(version: String = "3.7.3", revision: Int64 = 1) -> [UInt8] {
        self.message { writer in
            self.header(revision, &writer)
            writer.string(2, version)
            writer.integer(4, 1)
        }
    }

    /// `RangeResponse`.
    static func records(_ revision: Int64, _ records: [EtcdRecord] = []) -> [UInt8] {
        self.message { writer in
            self.header(revision, &writer)
            for record in records { writer.message(2) { self.write(record, &$0) } }
            writer.integer(4, Int64(records.count))
        }
    }

    /// `WatchResponse` without changes.
    static func watch(_ revision: Int64, isCreated: Bool = false) -> [UInt8] {
        self.message { writer in
            self.header(revision, &writer)
            writer.boolean(3, isCreated)
        }
    }

    /// `LeaseGrantResponse` and `LeaseKeepAliveResponse`.
    static func lease(_ id: Int64, seconds: Int64) -> [UInt8] {
        self.message { writer in
            self.header(1, &writer)
            writer.integer(2, id)
            writer.integer(3, seconds)
        }
    }

    /// `TxnResponse`.
    static func transaction(succeeded: Bool) -> [UInt8] {
        self.message { writer in
            self.header(1, &writer)
            writer.boolean(2, succeeded)
        }
    }

    /// `AuthenticateResponse`.
    static func token(_ token: String) -> [UInt8] {
        self.message { writer in writer.string(2, token) }
    }
}

extension EtcdRecord {
    /// A record whose revisions are all the same.
    init(_ key: some Sequence<UInt8>, _ value: String, at revision: Int64) {
        self.init()
        self.key = Array(key)
        self.value = Array(value.utf8)
        (self.createRevision, self.modRevision, self.version) = (revision, revision, 1)
    }
}
