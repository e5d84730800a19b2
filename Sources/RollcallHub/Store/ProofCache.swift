/// Hashes of secrets that were seen lately, so that a renewal need not hash.
///
/// It has two generations: when the young one is full it becomes the old one, and what nobody asks for is forgotten
/// with the one before.
struct ProofCache: Sendable {
    /// The most bytes that a secret may have; the hub's own have 32.
    static let longestSecret = 128

    private var young: [String: String] = [:]
    private var old: [String: String] = [:]
    private let limit: Int

    /// Creates a cache of at most twice `limit` secrets.
    init(limit: Int = 65536) {
        self.limit = limit
    }

    /// How many secrets are kept.
    var count: Int { self.young.count + self.old.count }

    /// The hash of a secret.
    mutating func proof(of secret: String) -> String {
        // What is longer is none of the hub's, and would only fill the memory.
        guard secret.utf8.count <= Self.longestSecret else { return SHA256.hexadecimal(secret) }
        if let proof = self.young[secret] { return proof }
        let proof = self.old[secret] ?? SHA256.hexadecimal(secret)
        if self.young.count >= self.limit {
            self.old = self.young
            self.young = [:]
        }
        self.young[secret] = proof
        return proof
    }
}
