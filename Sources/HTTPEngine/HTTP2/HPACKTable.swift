/// The table of header fields that both ends know from the start (RFC 7541 appendix A).
enum HPACKTable {
    /// The fields; the index of the first is 1.
    static let fields: [HTTP2Field] = [
        HTTP2Field(":authority", ""), HTTP2Field(":method", "GET"), HTTP2Field(":method", "POST"),
        HTTP2Field(":path", "/"), HTTP2Field(":path", "/index.html"), HTTP2Field(":scheme", "http"),
        HTTP2Field(":scheme", "https"), HTTP2Field(":status", "200"), HTTP2Field(":status", "204"),
        HTTP2Field(":status", "206"), HTTP2Field(":status", "304"), HTTP2Field(":status", "400"),
        HTTP2Field(":status", "404"), HTTP2Field(":status", "500"), HTTP2Field("accept-charset", ""),
        HTTP2Field("accept-encoding", "gzip, deflate"), HTTP2Field("accept-language", ""),
        HTTP2Field("accept-ranges", ""), HTTP2Field("accept", ""), HTTP2Field("access-control-allow-origin", ""),
        HTTP2Field("age", ""), HTTP2Field("allow", ""), HTTP2Field("authorization", ""),
        HTTP2Field("cache-control", ""), HTTP2Field("content-disposition", ""), HTTP2Field("content-encoding", ""),
        HTTP2Field("content-language", ""), HTTP2Field("content-length", ""), HTTP2Field("content-location", ""),
        HTTP2Field("content-range", ""), HTTP2Field("content-type", ""), HTTP2Field("cookie", ""),
        HTTP2Field("date", ""), HTTP2Field("etag", ""), HTTP2Field("expect", ""), HTTP2Field("expires", ""),
        HTTP2Field("from", ""), HTTP2Field("host", ""), HTTP2Field("if-match", ""),
        HTTP2Field("if-modified-since", ""), HTTP2Field("if-none-match", ""), HTTP2Field("if-range", ""),
        HTTP2Field("if-unmodified-since", ""), HTTP2Field("last-modified", ""), HTTP2Field("link", ""),
        HTTP2Field("location", ""), HTTP2Field("max-forwards", ""), HTTP2Field("proxy-authenticate", ""),
        HTTP2Field("proxy-authorization", ""), HTTP2Field("range", ""), HTTP2Field("referer", ""),
        HTTP2Field("refresh", ""), HTTP2Field("retry-after", ""), HTTP2Field("server", ""),
        HTTP2Field("set-cookie", ""), HTTP2Field("strict-transport-security", ""),
        HTTP2Field("transfer-encoding", ""), HTTP2Field("user-agent", ""), HTTP2Field("vary", ""),
        HTTP2Field("via", ""), HTTP2Field("www-authenticate", ""),
    ]

    private static let indexOfField = Dictionary(
        Self.fields.enumerated().map { ($1, $0 + 1) },
        uniquingKeysWith: { first, _ in first }
    )
    private static let indexOfName = Dictionary(
        Self.fields.enumerated().map { ($1.name, $0 + 1) },
        uniquingKeysWith: { first, _ in first }
    )

    /// The index of a field, if the table has it.
    static func index(of name: String, _ value: String) -> Int? { self.indexOfField[HTTP2Field(name, value)] }

    /// The first index with a name.
    static func index(of name: String) -> Int? { self.indexOfName[name] }
}
