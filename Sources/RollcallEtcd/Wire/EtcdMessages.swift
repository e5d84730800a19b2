import GRPCEngine

// The messages of `etcdserverpb` and `mvccpb` that are used here, with the numbers of their fields as in etcd's `rpc.proto`
// and `kv.proto`; the same in 3.4 to 3.7.

/// `mvccpb.KeyValue`.
struct EtcdRecord: Hashable, Sendable {
    var key: [UInt8] = []
    var createRevision: Int64 = 0
    var modRevision: Int64 = 0
    var version: Int64 = 0
    var value: [UInt8] = []
    var lease: Int64 = 0

    init() {}

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.key = value.array
            case 2: self.createRevision = value.integer
            case 3: self.modRevision = value.integer
            case 4: self.version = value.integer
            case 5: self.value = value.array
            case 6: self.lease = value.integer
            default: return
            }
        }
    }
}

/// `ResponseHeader`.
struct EtcdHeader: Hashable, Sendable {
    var cluster: UInt64 = 0
    var member: UInt64 = 0
    var revision: Int64 = 0

    init() {}

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.cluster = UInt64(bitPattern: value.integer)
            case 2: self.member = UInt64(bitPattern: value.integer)
            case 3: self.revision = value.integer
            default: return
            }
        }
    }
}

/// `RangeRequest`.
struct EtcdRead: Hashable, Sendable {
    /// What keys are sorted by.
    enum Order: Int64, Sendable {
        case key = 0
        case creation = 2
    }

    var range: EtcdRange
    var limit: Int64 = 0
    var revision: Int64 = 0
    var isDescending = false
    var order = Order.key
    var isSerializable = false
    var keysOnly = false
    var maximumCreateRevision: Int64 = 0

    func write(to writer: inout ProtobufWriter) {
        writer.bytes(1, self.range.key)
        writer.bytes(2, self.range.end)
        writer.integer(3, self.limit)
        writer.integer(4, self.revision)
        if self.order != .key || self.isDescending {
            writer.integer(5, self.isDescending ? 2 : 1)
            writer.integer(6, self.order.rawValue)
        }
        writer.boolean(7, self.isSerializable)
        writer.boolean(8, self.keysOnly)
        writer.integer(13, self.maximumCreateRevision)
    }
}

/// `RangeResponse`.
struct EtcdRecords: Hashable, Sendable {
    var header = EtcdHeader()
    var records: [EtcdRecord] = []
    var hasMore = false
    var count: Int64 = 0

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.header = try EtcdHeader(value.slice)
            case 2: self.records.append(try EtcdRecord(value.slice))
            case 3: self.hasMore = value.boolean
            case 4: self.count = value.integer
            default: return
            }
        }
    }
}

/// `PutRequest`.
struct EtcdPut: Hashable, Sendable {
    var key: [UInt8]
    var value: [UInt8]
    var lease: Int64 = 0

    func write(to writer: inout ProtobufWriter) {
        writer.bytes(1, self.key)
        writer.bytes(2, self.value)
        writer.integer(3, self.lease)
    }
}

/// `Compare`: what must hold for a transaction to take its first branch.
struct EtcdCondition: Hashable, Sendable {
    /// What is compared.
    enum Target: Hashable, Sendable {
        case createRevision(Int64)
        case modRevision(Int64)
        case lease(Int64)
    }

    var key: [UInt8]
    var target: Target

    func write(to writer: inout ProtobufWriter) {
        // EQUAL is 0, and left out.
        switch self.target {
        case .createRevision(let revision):
            writer.integer(2, 1)
            writer.bytes(3, self.key)
            writer.chosen(5, revision)
        case .modRevision(let revision):
            writer.integer(2, 2)
            writer.bytes(3, self.key)
            writer.chosen(6, revision)
        case .lease(let lease):
            writer.integer(2, 4)
            writer.bytes(3, self.key)
            writer.chosen(8, lease)
        }
    }
}

/// `RequestOp`.
enum EtcdOperation: Hashable, Sendable {
    case read(EtcdRead)
    case put(EtcdPut)
    case delete(EtcdRange)

    func write(to writer: inout ProtobufWriter) {
        switch self {
        case .read(let read): writer.message(1) { read.write(to: &$0) }
        case .put(let put): writer.message(2) { put.write(to: &$0) }
        case .delete(let range): writer.message(3) { Self.write(delete: range, to: &$0) }
        }
    }

    /// `DeleteRangeRequest`.
    static func write(delete range: EtcdRange, to writer: inout ProtobufWriter) {
        writer.bytes(1, range.key)
        writer.bytes(2, range.end)
    }
}

/// `TxnRequest`.
struct EtcdTransaction: Hashable, Sendable {
    var conditions: [EtcdCondition]
    var success: [EtcdOperation]
    var failure: [EtcdOperation] = []

    func write(to writer: inout ProtobufWriter) {
        for condition in self.conditions { writer.message(1) { condition.write(to: &$0) } }
        for operation in self.success { writer.message(2) { operation.write(to: &$0) } }
        for operation in self.failure { writer.message(3) { operation.write(to: &$0) } }
    }
}

/// `TxnResponse`.
struct EtcdOutcome: Hashable, Sendable {
    var header = EtcdHeader()
    var succeeded = false
    /// What the reads of the branch found, in their order.
    var reads: [EtcdRecords] = []
    /// How many keys the deletions of the branch took out, in their order.
    var deletions: [Int64] = []

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.header = try EtcdHeader(value.slice)
            case 2: self.succeeded = value.boolean
            case 3:
                try ProtobufReader.read(value.slice) { (number, value) throws(GRPCError) in
                    if number == 1 { self.reads.append(try EtcdRecords(value.slice)) }
                    if number == 3 { self.deletions.append(try Self.deleted(value.slice)) }
                }
            default: return
            }
        }
    }

    /// `DeleteRangeResponse`.
    static func deleted(_ message: ArraySlice<UInt8>) throws(GRPCError) -> Int64 {
        var count: Int64 = 0
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            if number == 2 { count = value.integer }
        }
        return count
    }
}
