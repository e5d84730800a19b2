/// JSON for people.
enum IndentedJSON {
    /// The same document with line breaks and four spaces for each level.
    ///
    /// - Parameter json: Legal JSON without space between its parts.
    /// - Returns: The document, with a line feed at its end.
    static func of(_ json: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(json.count * 2)
        var depth = 0
        var isText = false
        var isEscaped = false
        for (index, byte) in json.enumerated() {
            if isText {
                output.append(byte)
                isText = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            let isEmpty = index + 1 < json.count && json[index + 1] == byte + 2
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                output.append(byte)
                depth += 1
                if !isEmpty { self.breakLine(&output, depth) }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if index > 0, json[index - 1] != byte - 2 { self.breakLine(&output, depth) }
                output.append(byte)
            case UInt8(ascii: ","):
                output.append(byte)
                self.breakLine(&output, depth)
            case UInt8(ascii: ":"):
                output.append(byte)
                output.append(UInt8(ascii: " "))
            default:
                output.append(byte)
                isText = byte == UInt8(ascii: "\"")
            }
        }
        output.append(0x0A)
        return output
    }

    private static func breakLine(_ output: inout [UInt8], _ depth: Int) {
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: depth * 4))
    }
}
