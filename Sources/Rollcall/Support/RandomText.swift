/// Random texts for identities and secrets, from the system's generator.
package enum RandomText {
    private static let digits = Array("0123456789abcdef".utf8)

    /// `words` times 64 random bits as lower-case hexadecimal digits, 16 for each word.
    package static func hexadecimal(words: Int) -> String {
        // The system is asked for a word at a time, because each question costs hundreds of nanoseconds.
        var generator = SystemRandomNumberGenerator()
        return String(unsafeUninitializedCapacity: words * 16) { buffer in
            for index in 0..<words {
                let word = generator.next()
                for digit in 0..<16 {
                    buffer[index * 16 + digit] = self.digits[Int(truncatingIfNeeded: word >> UInt64(digit * 4)) & 15]
                }
            }
            return words * 16
        }
    }
}
