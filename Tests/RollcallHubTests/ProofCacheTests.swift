import Rollcall
import Testing

@testable import RollcallHub

@Suite("ProofCache", .timeLimit(.minutes(1)))
struct ProofCacheTests {
    @Test("it keeps twice its limit at most, and nothing that no hub made up")
    func limits() {
        var cache = ProofCache(limit: 10)
        for number in 0..<100 {
            let secret = "secret \(number)"
            #expect(cache.proof(of: secret) == SHA256.hexadecimal(secret))
            #expect(cache.proof(of: secret) == SHA256.hexadecimal(secret))
        }
        #expect(cache.count <= 20)
        let count = cache.count
        let long = String(repeating: "s", count: ProofCache.longestSecret + 1)
        #expect(cache.proof(of: long) == SHA256.hexadecimal(long))
        #expect(cache.count == count)
    }
}
