import HTTPEngine
import Rollcall

extension HubAPI {
    /// All configuration with its history, as the file that `rollcall hub restore` takes.
    func backup(_ request: HubRequest) async throws {
        try request.checkQuery()
        let exchange = request.exchange
        let file = try await self.store.backup()
        try await exchange.beginStream(
            200,
            "application/vnd.sqlite3",
            headers: [
                Problem.Header("Cache-Control", "no-store"),
                Problem.Header("Content-Disposition", "attachment; filename=\"rollcall-backup.sqlite\""),
            ]
        )
        while let piece = try file.read(upTo: 65536) { try await exchange.send(piece) }
        exchange.endStream()
    }
}
