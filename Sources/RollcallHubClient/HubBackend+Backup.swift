import HTTPEngine
import Rollcall

extension HubBackend {
    /// Fetches a copy of all configuration with its history, as `rollcall hub restore` takes it.
    ///
    /// - Parameter take: Takes each piece, one after the other.
    /// - Throws: A ``BackendError``; what `take` throws. What was taken is of no use then.
    public func backup(_ take: ([UInt8]) throws -> Void) async throws {
        let request = HTTPClient.Request("GET", "/v1/backup", at: self.calls.origins.current)
        let deadline = self.clock.now.advanced(by: .seconds(60))
        var failure: (any Error)?
        do throws(ConnectionError) {
            try await self.streams.withResponse(to: request, headBy: deadline) { response throws(ConnectionError) in
                var problem: [UInt8] = []
                let isBackup = response.head.status == 200
                var goesOn = true
                while goesOn, failure == nil {
                    let silence = self.clock.now.advanced(by: self.configuration.silenceLimit)
                    goesOn = try await response.next(until: silence) { bytes in
                        guard isBackup else { return problem.append(contentsOf: bytes) }
                        do {
                            try take(Array(bytes))
                        } catch {
                            failure = error
                        }
                    }
                }
                if !isBackup { failure = HubCalls.error(of: response.head, problem) }
            }
        } catch {
            throw HubCalls.error(of: error, mayHaveArrived: false)
        }
        if let failure { throw failure }
    }
}
