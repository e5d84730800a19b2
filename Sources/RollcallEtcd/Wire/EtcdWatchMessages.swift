import GRPCEngine

/// `WatchRequest` with `WatchCreateRequest` or `WatchProgressRequest`.
enum EtcdWatchRequest {
    /// Asks to be told of changes from a revision on.
    ///
    /// Large answers may come in pieces, and a sign comes once in a while when nothing changes.
    static func create(_ range: EtcdRange, from revision: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { writer in
            writer.bytes(1, range.key)
            writer.bytes(2, range.end)
            writer.integer(3, revision)
            writer.boolean(4, true)
            writer.boolean(8, true)
        }
        return writer.bytes
    }

    /// Asks how far the watches of the stream have come, which one without changes answers, too.
    static var progress: [UInt8] {
        var writer = ProtobufWriter()
        writer.message(3) { _ in }
        return writer.bytes
    }
}

/// `mvccpb.Event`.
struct EtcdEvent: Hashable, Sendable {
    var isDeletion = false
    var record = EtcdRecord()

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.isDeletion = value.boolean
            case 2: self.record = try EtcdRecord(value.slice)
            default: return
            }
        }
    }
}

/// `WatchResponse`.
struct EtcdWatchResponse: Hashable, Sendable {
    var header = EtcdHeader()
    var isCreated = false
    var isCancelled = false
    var compactRevision: Int64 = 0
    var cancelReason = ""
    /// Whether more of the same answer comes.
    var isFragment = false
    var events: [EtcdEvent] = []

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.header = try EtcdHeader(value.slice)
            case 3: self.isCreated = value.boolean
            case 4: self.isCancelled = value.boolean
            case 5: self.compactRevision = value.integer
            case 6: self.cancelReason = value.string
            case 7: self.isFragment = value.boolean
            case 11: self.events.append(try EtcdEvent(value.slice))
            default: return
            }
        }
    }
}
