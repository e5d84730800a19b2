/// How a ``ConfigManager`` behaves.
public struct ConfigManagerConfiguration: Sendable {
    /// Whether ``ConfigManager/run()`` syncs all keys when it begins, which stores what the backend lacks.
    public var syncsAtStart: Bool
    /// How long the backend has to answer at the start before the copy on the disk is used.
    public var startPatience: Duration
    /// How long one read or write of the backend may take.
    public var timeout: Duration
    /// How often what the watches told is compared with the backend, so that a lost change does not stay lost.
    public var verifyInterval: Duration
    /// How many editions of each key are remembered.
    public var historyLimit: Int
    /// How long subscribers have to finish when the manager ends, before they are cancelled.
    public var closeTimeout: Duration
    /// The file in which the last good editions are kept, for a start while the backend is away; `nil` for none.
    ///
    /// It is made with mode 0600, and only read when nobody else can have written it. Its folder must be there.
    public var diskCopy: String?
    /// What the file is encrypted with; without it secret keys are not kept there.
    public var diskCopyKey: SealingKey?
    /// How much time passes at least between two writes of the file.
    public var diskCopyInterval: Duration
    /// The namespace that the file is of: a file of another one is not used.
    public var namespace: Namespace
    /// What reads contents as values.
    public var reader: ConfigReader
    /// What measures time.
    public var clock: TimeSource
    /// Where the manager says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// What has no parameter is as follows: 10 s for a read or a write, 1 s for the backend to answer at the start, 5 min
    /// between comparisons, 32 editions, 5 s for subscribers at the end, at most one write of the file each second.
    ///
    /// - Parameters:
    ///   - syncsAtStart: True by default.
    ///   - diskCopy: No file by default.
    ///   - diskCopyKey: No encryption by default.
    ///   - namespace: The default one by default.
    ///   - reader: JSON and plain text by default.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        syncsAtStart: Bool = true,
        diskCopy: String? = nil,
        diskCopyKey: SealingKey? = nil,
        namespace: Namespace = .default,
        reader: ConfigReader = .core,
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.syncsAtStart = syncsAtStart
        self.startPatience = .seconds(1)
        self.timeout = .seconds(10)
        self.verifyInterval = .seconds(300)
        self.historyLimit = 32
        self.closeTimeout = .seconds(5)
        self.diskCopy = diskCopy
        self.diskCopyKey = diskCopyKey
        self.diskCopyInterval = .seconds(1)
        self.namespace = namespace
        self.reader = reader
        self.clock = clock
        self.log = log
    }
}
