import GRPCEngine

/// `StatusResponse`.
struct EtcdStatus: Hashable, Sendable {
    var header = EtcdHeader()
    var version = ""
    /// The member that leads; 0 for none.
    var leader: UInt64 = 0
    var errors: [String] = []
    var isLearner = false

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.header = try EtcdHeader(value.slice)
            case 2: self.version = value.string
            case 4: self.leader = UInt64(bitPattern: value.integer)
            case 8: self.errors.append(value.string)
            case 10: self.isLearner = value.boolean
            default: return
            }
        }
    }
}

/// `Member`.
struct EtcdMember: Hashable, Sendable {
    var id: UInt64 = 0
    var name = ""
    var isLearner = false

    init(_ message: ArraySlice<UInt8>) throws(GRPCError) {
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            switch number {
            case 1: self.id = UInt64(bitPattern: value.integer)
            case 2: self.name = value.string
            case 5: self.isLearner = value.boolean
            default: return
            }
        }
    }

    /// `MemberListResponse`.
    static func list(_ message: ArraySlice<UInt8>) throws(GRPCError) -> [EtcdMember] {
        var members: [EtcdMember] = []
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            if number == 2 { members.append(try EtcdMember(value.slice)) }
        }
        return members
    }
}

/// The messages of the service `Auth`.
enum EtcdAuthMessages {
    /// `AuthenticateRequest`.
    static func authenticate(user: String, password: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(1, user)
        writer.string(2, password)
        return writer.bytes
    }

    /// The token of `AuthenticateResponse`.
    static func token(_ message: ArraySlice<UInt8>) throws(GRPCError) -> String {
        var token = ""
        try ProtobufReader.read(message) { (number, value) throws(GRPCError) in
            if number == 2 { token = value.string }
        }
        return token
    }
}
