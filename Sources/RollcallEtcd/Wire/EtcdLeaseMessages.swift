import GRPCEngine

/// The messages of the service `Lease`.
enum EtcdLeaseMessages {
    /// `LeaseGrantRequest`: the server chooses the id.
    static func grant(seconds: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.integer(1, seconds)
        return writer.bytes
    }

    /// `LeaseKeepAliveRequest` and `LeaseRevokeRequest`.
    static func id(_ lease: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.integer(1, lease)
        return writer.bytes
    }

    /// `LeaseGrantResponse`, `LeaseKeepAliveResponse` and `LeaseTimeToLiveResponse`: the lease, the time that is left, and
    /// what was granted, where it is told.
    static func granted(
        _ message: ArraySlice<UInt8>
    ) throws(GRPCError) -> (id: Int64, seconds: Int64, granted: Int64) {
        var lease: (id: Int64, seconds: Int64, granted: Int64) = (0, 0, 0)
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 2: lease.id = value.integer
            case 3: lease.seconds = value.integer
            case 4: lease.granted = value.integer
            default: return
            }
        }
        return lease
    }
}

extension Duration {
    /// In whole seconds, none cut off; at least 1.
    var wholeSecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = self.components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }
}
