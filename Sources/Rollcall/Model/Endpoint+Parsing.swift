extension Endpoint {
    /// Ports for endpoints that name none.
    ///
    /// 50051 is what gRPC's own examples listen on; the others are registered.
    static let defaultPorts = ["http": 80, "ws": 80, "https": 443, "wss": 443, "grpc": 50051]

    /// Reads an endpoint from its URL.
    ///
    /// - Parameter text: A URL of at most 2048 bytes with a scheme and, but for `unix`, a host.
    /// - Throws: A ``ValidationError`` for the field `endpoint` that says what is wrong with it.
    public init(_ text: some StringProtocol) throws(ValidationError) {
        guard text.utf8.count <= Self.maximumBytes else { throw Self.tooLong(text.utf8.count) }
        let text = Substring(text)
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            try Self.refuseCredentials(text)
            throw Self.fault("\(text.quotedForDisplay) is not a URL such as http://10.0.0.7:8080")
        }
        let scheme = String(text[..<colon])
        let rest = text[text.index(colon, offsetBy: 3)...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = rest[slash...] == "/" ? "" : String(rest[slash...])
        try Self.refuseCredentials(rest[..<slash])
        let (host, port) = try Self.splitAuthority(rest[..<slash])
        try self.init(scheme: scheme, host: host, port: port, path: path)
    }

    private static func splitAuthority(_ text: Substring) throws(ValidationError) -> (host: String, port: Int?) {
        var host = text
        var digits: Substring?
        if text.hasPrefix("["), let bracket = text.firstIndex(of: "]") {
            host = text[...bracket]
            let behind = text[text.index(after: bracket)...]
            guard behind.isEmpty || behind.first == ":" else {
                throw Self.fault("\(text.quotedForDisplay) has something other than a port behind the address")
            }
            digits = behind.isEmpty ? nil : behind.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            digits = text[text.index(after: colon)...]
            guard !host.contains(":") else {
                throw Self.fault("the IPv6 address in \(text.quotedForDisplay) needs brackets: [2001:db8::1]:8080")
            }
        }
        guard let digits else { return (String(host), nil) }
        guard !digits.isEmpty, digits.utf8.allSatisfy(\.isDigit), let port = Int(digits) else {
            throw Self.fault("the port \(digits.quotedForDisplay) is not a number from 1 to 65535", limit: 65535)
        }
        return (String(host), port)
    }

    /// The greatest length of the text form.
    private static let maximumBytes = 2048

    /// Checks the length of the text form, which may be longer than what was read: a usual port is written out.
    func checkLength() throws(ValidationError) {
        let count = self.description.utf8.count
        guard count <= Self.maximumBytes else { throw Self.tooLong(count) }
    }

    private static func tooLong(_ count: Int) -> ValidationError {
        Self.fault("an endpoint has at most \(Self.maximumBytes) bytes, this one \(count)", limit: Self.maximumBytes)
    }

    /// Refuses what may hold a password, before any message repeats it.
    private static func refuseCredentials(_ text: some StringProtocol) throws(ValidationError) {
        guard !text.utf8.contains(UInt8(ascii: "@")) else {
            throw Self.fault("an endpoint carries no user name or password: everybody can read what is registered")
        }
    }

    static func isScheme(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter, text.utf8.count <= 32 else { return false }
        return text.utf8.allSatisfy { $0.isASCIILetter || $0.isDigit || "+-.".utf8.contains($0) }
    }

    static func check(host: String) throws(ValidationError) {
        try Self.refuseCredentials(host)
        guard !host.isEmpty, host.utf8.count <= 255 else {
            throw Self.fault("the host \(host.quotedForDisplay) must have from 1 to 255 bytes", limit: 255)
        }
        let isIPv6 = host.utf8.contains(UInt8(ascii: ":"))
        let isLegal =
            isIPv6
            ? Self.isIPv6(host)
            : host.utf8.allSatisfy { $0.isASCIILetter || $0.isDigit || "-._~".utf8.contains($0) }
        guard isLegal else {
            throw Self.fault("\(host.quotedForDisplay) is neither a host name nor an address")
        }
    }

    /// Eight groups of one to four hexadecimal digits, one run of zero groups as `::`, at the end a zone (`%eth0`).
    static func isIPv6(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            let isZone = { (byte: UInt8) in byte.isASCIILetter || byte.isDigit || "-._".utf8.contains(byte) }
            guard !parts[1].isEmpty, parts[1].utf8.allSatisfy(isZone) else { return false }
        }
        var address = parts[0]
        var groups = 8
        if address.contains("."), let colon = address.lastIndex(of: ":") {
            let quad = address[address.index(after: colon)...].split(separator: ".", omittingEmptySubsequences: false)
            guard quad.count == 4, quad.allSatisfy({ UInt8($0) != nil }) else { return false }
            address = address[...colon]
            if !address.hasSuffix("::") { address = address.dropLast() }
            groups = 6
        }
        let halves = address.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let isGroup = { (group: Substring) in
            (1...4).contains(group.count) && group.utf8.allSatisfy { $0.hexadecimalValue != nil }
        }
        var count = 0
        for half in halves where !half.isEmpty {
            let found = half.split(separator: ":", omittingEmptySubsequences: false)
            guard found.allSatisfy(isGroup) else { return false }
            count += found.count
        }
        return halves.count == 2 ? count < groups : count == groups
    }

    static func check(path: String) throws(ValidationError) {
        guard path.isEmpty || path.hasPrefix("/") else {
            throw Self.fault("the path \(path.quotedForDisplay) must begin with '/'")
        }
        let isLegal = path.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        guard isLegal, !path.hasControlCharacter else {
            throw Self.fault("the path \(path.quotedForDisplay) must have no spaces, control characters, '?' or '#'")
        }
    }

    static func fault(_ message: String, limit: Int? = nil) -> ValidationError {
        ValidationError(field: "endpoint", message: message, limit: limit)
    }
}
