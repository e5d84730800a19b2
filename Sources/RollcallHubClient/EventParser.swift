import Rollcall

/// Reads a stream of server-sent events (WHATWG HTML, section 9.2) as it comes in.
struct EventParser {
    /// One event, or a sign of life.
    enum Element: Hashable {
        case event(name: String, id: String?, data: [UInt8])
        case comment
    }

    /// The greatest size of one event: far above a service of 1,000 instances with all their limits used.
    static let maximumEventBytes = 64 << 20

    private var line: [UInt8] = []
    private var name = ""
    private var id: String?
    private var data: [UInt8] = []
    private var hasData = false
    private var endsInReturn = false

    /// Takes what came in.
    ///
    /// - Parameters:
    ///   - bytes: What came in.
    ///   - element: Called for each event and comment that is complete now.
    /// - Throws: `protocolViolation` for an event that is too long.
    mutating func feed(_ bytes: some Sequence<UInt8>, _ element: (Element) -> Void) throws(BackendError) {
        for byte in bytes {
            defer { self.endsInReturn = byte == 0x0D }
            switch byte {
            case 0x0A where self.endsInReturn: continue
            case 0x0A, 0x0D: self.endLine(element)
            default: self.line.append(byte)
            }
            guard self.line.count + self.data.count <= Self.maximumEventBytes else {
                throw BackendError(.protocolViolation, "an event has more than \(Self.maximumEventBytes) bytes")
            }
        }
    }

    private mutating func endLine(_ element: (Element) -> Void) {
        defer { self.line.removeAll(keepingCapacity: true) }
        guard !self.line.isEmpty else { return self.endEvent(element) }
        let colon = self.line.firstIndex(of: UInt8(ascii: ":")) ?? self.line.endIndex
        guard colon > 0 else { return element(.comment) }
        var value = self.line[colon...].dropFirst()
        if value.first == 0x20 { value = value.dropFirst() }
        switch String(decoding: self.line[..<colon], as: UTF8.self) {
        case "event": self.name = String(decoding: value, as: UTF8.self)
        case "id": self.id = String(decoding: value, as: UTF8.self)
        case "data":
            if self.hasData { self.data.append(0x0A) }
            self.hasData = true
            self.data.append(contentsOf: value)
        default: break
        }
    }

    private mutating func endEvent(_ element: (Element) -> Void) {
        if self.hasData { element(.event(name: self.name, id: self.id, data: self.data)) }
        self.name = ""
        self.id = nil
        self.data = []
        self.hasData = false
    }
}
