import HTTPEngine

/// `HealthCheckResponse` of the gRPC health checking protocol: the field 1 is a status.
enum HealthAnswer {
    private static let names: [UInt64: String] = [0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"]

    /// What a message of gRPC means.
    ///
    /// - Parameter message: What came so far: whether it is compressed, its length, and itself.
    /// - Returns: How the check ended, or `nil` while more must come.
    static func outcome(of message: [UInt8]) -> ProbeOutcome? {
        guard message.count >= 5 else { return nil }
        guard message[0] == 0 else { return .failed("the answer is compressed, which was not asked for") }
        let length = Int(HTTP2Frame.number(message[1..<5]))
        guard message.count >= 5 + length else { return nil }
        guard let status = self.status(in: message[5..<5 + length]) else {
            return .failed("the answer is no message of the health checking protocol")
        }
        // SERVING
        if status == 1 { return .passed("SERVING") }
        return .failed("the server says \(self.names[status] ?? "the status \(status)")")
    }

    /// The last field 1 of a message, 0 without one; `nil` when the message is malformed.
    private static func status(in body: ArraySlice<UInt8>) -> UInt64? {
        var rest = body
        var status: UInt64 = 0
        while !rest.isEmpty {
            guard let key = self.takeNumber(&rest), key >> 3 != 0 else { return nil }
            switch key & 7 {
            case 0:
                guard let value = self.takeNumber(&rest) else { return nil }
                if key >> 3 == 1 { status = value }
            case 1 where rest.count >= 8: rest = rest.dropFirst(8)
            case 2:
                guard let length = self.takeNumber(&rest), length <= rest.count else { return nil }
                rest = rest.dropFirst(Int(length))
            case 5 where rest.count >= 4: rest = rest.dropFirst(4)
            default: return nil
            }
        }
        return status
    }

    private static func takeNumber(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        return nil
    }
}
