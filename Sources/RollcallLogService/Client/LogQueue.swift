import Rollcall

/// Messages that wait to be shipped, as many as fit; the oldest make way.
struct LogQueue {
    private static let overhead = 96

    private var entries: [LogBatch.Entry] = []
    private var head = 0
    private var bytes = 0
    /// How many messages were dropped that no line told of yet.
    private var untold = 0
    /// How many messages were dropped in all.
    private(set) var dropped = 0
    let maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// How many wait.
    var count: Int { self.entries.count - self.head }

    /// Whether there is anything to tell.
    var isEmpty: Bool { self.count == 0 && self.untold == 0 }

    mutating func add(_ entry: LogBatch.Entry) {
        self.entries.append(entry)
        self.bytes += Self.size(entry)
        while self.bytes > self.maximumBytes, self.count > 1 {
            _ = self.removeFirst()
            self.drop(1)
        }
    }

    /// Counts messages that were lost.
    private mutating func drop(_ count: Int) {
        self.dropped += count
        self.untold += count
    }

    /// Messages that are shipped together.
    struct Batch {
        var entries: [LogBatch.Entry] = []
        /// How many lost messages its first line tells of; with none there is no such line.
        var told = 0
    }

    /// Gives up a batch that the service will never take.
    mutating func giveUp(_ batch: Batch) {
        let count = batch.entries.count - (batch.told > 0 ? 1 : 0)
        // Telling of nothing but what could not be told would go on for ever.
        guard count > 0 else { return }
        self.untold += batch.told
        self.drop(count)
    }

    /// The oldest messages, up to a number and a size of their JSON; before them, how many are missing.
    mutating func takeBatch(now: Int64, maximumCount: Int, maximumBytes: Int) -> Batch {
        var batch: [LogBatch.Entry] = []
        let told = self.untold
        if self.untold > 0 {
            let message = "\(self.untold) messages before this one were left out: the log service did not take them"
            batch.append(LogBatch.Entry(time: now, level: .warning, message: message))
            self.untold = 0
        }
        var writer = JSONWriter(capacity: 4096)
        while self.count > 0, batch.count < maximumCount {
            self.entries[self.head].write(to: &writer)
            guard writer.bytes.count <= maximumBytes || batch.isEmpty else { break }
            batch.append(self.removeFirst())
        }
        return Batch(entries: batch, told: told)
    }

    private mutating func removeFirst() -> LogBatch.Entry {
        let entry = self.entries[self.head]
        self.bytes -= Self.size(entry)
        self.entries[self.head] = LogBatch.Entry()
        self.head += 1
        // Moving the rest up costs as much as was taken since the last time.
        if self.head >= 1024, self.head * 2 >= self.entries.count {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
        return entry
    }

    private static func size(_ entry: LogBatch.Entry) -> Int { entry.message.utf8.count + self.overhead }
}
