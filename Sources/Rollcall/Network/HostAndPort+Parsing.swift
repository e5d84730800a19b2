extension HostAndPort {
    /// The greatest length of a text.
    private static let maximumBytes = 2048

    /// Reads an address.
    ///
    /// The forms are `host:port`, `host`, `:port`, `[::1]:80`, `[::1]`, `::1` (an IPv6 address without brackets is all
    /// address, so that no port can follow it), and a URL, of which only scheme, host and port count.
    ///
    /// - Parameters:
    ///   - text: The text, of at most 2048 bytes, without spaces.
    ///   - field: What an error calls the address.
    /// - Throws: A ``ValidationError`` that names the field, the text and the rule that it breaks.
    public init(_ text: some StringProtocol, field: String = "address") throws(ValidationError) {
        let parser = AddressParser(text: Substring(text), field: field)
        guard text.utf8.count <= Self.maximumBytes else {
            throw parser.fault(
                "has \(text.utf8.count) bytes, and an address at most \(Self.maximumBytes)",
                limit: Self.maximumBytes
            )
        }
        let (host, port) = try parser.parts()
        try self.init(host: host, port: port, field: field)
    }
}

/// Takes the text of an address apart; whether the host is one is not checked here.
private struct AddressParser {
    let text: Substring
    let field: String

    func parts() throws(ValidationError) -> (host: String, port: Int?) {
        guard let colon = self.text.utf8.firstIndex(of: UInt8(ascii: ":")),
            self.text.utf8[colon...].starts(with: "://".utf8)
        else {
            guard !self.text.isEmpty else { throw self.fault("names neither a host nor a port") }
            return try self.authority(self.text, mayLackHost: true)
        }
        let scheme = String(self.text[..<colon])
        guard Endpoint.isScheme(scheme) else {
            throw self.fault("does not begin with a scheme, which is a letter, then letters, digits, '+', '-', '.'")
        }
        let rest = self.text[self.text.utf8.index(colon, offsetBy: 3)...]
        let end = rest.utf8.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
        guard rest.utf8[end...].allSatisfy({ $0 > 0x20 && $0 != 0x7F }), !rest.hasControlCharacter else {
            throw self.fault("has a space or a control character")
        }
        let (host, port) = try self.authority(rest[..<end], mayLackHost: false)
        return (host, port ?? Endpoint.defaultPorts[scheme.lowercased()])
    }

    private func authority(
        _ authority: Substring,
        mayLackHost: Bool
    ) throws(ValidationError) -> (host: String, port: Int?) {
        guard !authority.utf8.contains(UInt8(ascii: "@")) else {
            throw self.fault("has a user name or password, which an address does not carry")
        }
        if authority.utf8.first == UInt8(ascii: "[") { return try self.bracketed(authority) }
        let colons = authority.utf8.count { $0 == UInt8(ascii: ":") }
        if colons > 1 {
            guard mayLackHost, Endpoint.isIPv6(String(authority)) else {
                throw self.fault("has an IPv6 address that is wrong or lacks its brackets: [2001:db8::1]:8080")
            }
            return (String(authority), nil)
        }
        guard let colon = authority.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            guard !authority.isEmpty else { throw self.fault("has no host") }
            return (String(authority), nil)
        }
        guard mayLackHost || colon > authority.startIndex else { throw self.fault("has no host") }
        return (String(authority[..<colon]), try self.port(authority[colon...]))
    }

    private func bracketed(_ authority: Substring) throws(ValidationError) -> (host: String, port: Int?) {
        guard let bracket = authority.utf8.firstIndex(of: UInt8(ascii: "]")) else {
            throw self.fault("has a '[' without its ']'")
        }
        let host = String(authority[authority.utf8.index(after: authority.startIndex)..<bracket])
        guard Endpoint.isIPv6(host) else { throw self.fault("has brackets around what is no IPv6 address") }
        let behind = authority[authority.utf8.index(after: bracket)...]
        guard !behind.isEmpty else { return (host, nil) }
        guard behind.utf8.first == UInt8(ascii: ":") else {
            throw self.fault("has something other than a port behind the address")
        }
        return (host, try self.port(behind))
    }

    /// Reads a port behind its colon.
    private func port(_ text: Substring) throws(ValidationError) -> Int {
        let digits = text.utf8.dropFirst()
        let hasLeadingZero = digits.count > 1 && digits.first == UInt8(ascii: "0")
        guard (1...5).contains(digits.count), digits.allSatisfy(\.isDigit), !hasLeadingZero,
            let port = Int(String(Substring(digits))), port <= 65535
        else {
            throw self.fault(
                "has the port \(Substring(digits).quotedForDisplay), which is no number from 0 to 65535",
                limit: 65535
            )
        }
        return port
    }

    func fault(_ rule: String, limit: Int? = nil) -> ValidationError {
        // What stands before an '@' may be a password, which no message repeats.
        let shown = self.text.utf8.contains(UInt8(ascii: "@")) ? "the text" : self.text.quotedForDisplay
        return ValidationError(field: self.field, message: "\(shown) \(rule)", limit: limit)
    }
}
