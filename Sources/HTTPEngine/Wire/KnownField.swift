/// Header fields that frame messages or that proxies treat apart, recognised once while a head is read.
package enum KnownField: UInt8, Sendable {
    /// None of the others.
    case other
    /// `Host`
    case host
    /// `Connection`
    case connection
    /// `Content-Length`
    case contentLength
    /// `Transfer-Encoding`
    case transferEncoding
    /// `Upgrade`
    case upgrade
    /// `TE`
    case te
    /// `Trailer`
    case trailer
    /// `Keep-Alive`
    case keepAlive
    /// Any whose name begins with `Proxy-`.
    case proxy
    /// `Expect`
    case expect
    /// `Via`
    case via
    /// `Date`
    case date
    /// `X-Forwarded-For`
    case forwardedFor
    /// `X-Forwarded-Host`
    case forwardedHost
    /// `X-Forwarded-Proto`
    case forwardedProto

    /// Recognises a name, in whatever case it is written.
    package init(_ name: UnsafeRawBufferPointer) {
        // Length and first letter leave at most one to compare, since every field of every message comes here.
        switch (name.count, (name.first ?? 0) | 0x20) {
        case (2, UInt8(ascii: "t")): self = Self.match(name, "te", .te)
        case (3, UInt8(ascii: "v")): self = Self.match(name, "via", .via)
        case (4, UInt8(ascii: "h")): self = Self.match(name, "host", .host)
        case (4, UInt8(ascii: "d")): self = Self.match(name, "date", .date)
        case (6, UInt8(ascii: "e")): self = Self.match(name, "expect", .expect)
        case (7, UInt8(ascii: "u")): self = Self.match(name, "upgrade", .upgrade)
        case (7, UInt8(ascii: "t")): self = Self.match(name, "trailer", .trailer)
        case (10, UInt8(ascii: "c")): self = Self.match(name, "connection", .connection)
        case (10, UInt8(ascii: "k")): self = Self.match(name, "keep-alive", .keepAlive)
        case (14, UInt8(ascii: "c")): self = Self.match(name, "content-length", .contentLength)
        case (15, UInt8(ascii: "x")): self = Self.match(name, "x-forwarded-for", .forwardedFor)
        case (16, UInt8(ascii: "x")): self = Self.match(name, "x-forwarded-host", .forwardedHost)
        case (17, UInt8(ascii: "x")): self = Self.match(name, "x-forwarded-proto", .forwardedProto)
        case (17, UInt8(ascii: "t")): self = Self.match(name, "transfer-encoding", .transferEncoding)
        case (7..., UInt8(ascii: "p")): self = Self.match(.init(rebasing: name[..<6]), "proxy-", .proxy)
        default: self = .other
        }
    }

    private static func match(_ name: UnsafeRawBufferPointer, _ word: StaticString, _ field: KnownField) -> KnownField {
        let start = word.utf8Start
        for index in name.indices where name[index].asLowerCase != start[index] { return .other }
        return field
    }
}

extension UInt8 {
    /// The letter in lower case; any other byte as it is.
    package var asLowerCase: UInt8 { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self }
}

/// Which of the known fields a message has.
struct KnownFields: Sendable {
    private var bits: UInt32 = 0

    mutating func insert(_ field: KnownField) { self.bits |= 1 << UInt32(field.rawValue) }

    func contains(_ field: KnownField) -> Bool { self.bits & 1 << UInt32(field.rawValue) != 0 }
}
