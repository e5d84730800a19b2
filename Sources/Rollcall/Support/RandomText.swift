/// Random texts for identities and secrets, from the system's generator.
package enum RandomText {
    /// `bytes` random bytes as lower-case hexadecimal digits.
    package static func hexadecimal(bytes: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes * 2) { buffer in
            for index in 0..<bytes {
                let byte = UInt8.random(in: .min ... .max, using: &generator)
                buffer[index * 2] = digits[Int(byte >> 4)]
                buffer[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes * 2
        }
    }
}
