import Foundation
import RollcallTesting
import Testing

@testable import Rollcall

@Suite("SnapshotFile", .timeLimit(.minutes(1)))
struct SnapshotFileTests {
    private let folder: TemporaryFolder
    private let file: SnapshotFile

    init() throws {
        self.folder = try TemporaryFolder()
        self.file = try SnapshotFile(path: self.folder.path + "/services.snapshot")
    }

    @Test("a thousand services are read as they were written, by their owner only, with nothing left beside")
    func roundTrip() throws {
        #expect(try self.file.read() == nil)
        let contents = try SnapshotFormatTests.contents(services: 1000)
        try self.file.write(contents)
        #expect(try self.file.read() == contents)
        try self.file.write(SnapshotFormatTests.contents(services: 3))
        #expect(try self.file.read()?.services.count == 3)
        #expect(try self.folder.names == ["services.snapshot"])
        var status = stat()
        #expect(stat(self.file.path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o600)
    }

    @Test("paths that name no file are refused", arguments: ["", "/", "a/", ".", "a/..", "a\u{0}b", "a\nb"])
    func badPaths(_ path: String) throws {
        let error = try #require(throws: ValidationError.self) { try SnapshotFile(path: path) }
        #expect(error.field == "snapshotPath")
    }

    @Test("a name that leaves no room for a temporary one is refused; a path needs no folder in it")
    func names() throws {
        let error = try #require(throws: ValidationError.self) {
            try SnapshotFile(path: "/x/" + String(repeating: "a", count: 201))
        }
        #expect(error.limit == 200)
        #expect(try SnapshotFile(path: "a").folder == ".")
        #expect(try SnapshotFile(path: "/a").folder == "/")
        let longest = try SnapshotFile(path: self.folder.path + "/" + String(repeating: "a", count: 200))
        try longest.write(SnapshotFormatTests.contents(services: 1))
        #expect(try longest.read() != nil)
    }

    @Test("a missing folder is named, in reading and in writing")
    func missingFolder() throws {
        for place in ["/none/x", "/services.snapshot/x"] {
            try self.folder.write([], to: "services.snapshot")
            let file = try SnapshotFile(path: self.folder.path + place)
            let reading = try #require(throws: BackendError.self) { try file.read() }
            let contents = try SnapshotFormatTests.contents(services: 1)
            let writing = try #require(throws: BackendError.self) { try file.write(contents) }
            for error in [reading, writing] {
                #expect(error.code == .notFound)
                #expect(error.message.contains("no folder \(self.folder.path)\(place.dropLast(2))"), "\(error)")
            }
        }
    }

    @Test("a damaged file is refused with its path, and the next write replaces it")
    func damaged() throws {
        let contents = try SnapshotFormatTests.contents(services: 2)
        try self.file.write(contents)
        var bytes = try self.folder.read("services.snapshot")
        bytes[bytes.count / 2] ^= 1
        for bad in [bytes, Array(bytes.dropLast()), [], Array("hello\n".utf8)] {
            try self.folder.write(bad, to: "services.snapshot")
            let error = try #require(throws: BackendError.self) { try self.file.read() }
            #expect(error.code == .protocolViolation)
            #expect(error.message.contains(self.file.path))
        }
        try self.file.write(contents)
        #expect(try self.file.read() == contents)
    }

    @Test("links, folders and pipes are neither read nor replaced", arguments: ["link", "dangling", "folder", "pipe"])
    func otherThings(_ kind: String) throws {
        let contents = try SnapshotFormatTests.contents(services: 1)
        let target = self.folder.path + "/target"
        switch kind {
        case "link":
            try SnapshotFile(path: target).write(contents)
            #expect(symlink(target, self.file.path) == 0)
        case "dangling": #expect(symlink(target, self.file.path) == 0)
        case "folder": #expect(mkdir(self.file.path, 0o700) == 0)
        default: #expect(mkfifo(self.file.path, 0o600) == 0)
        }
        let before = try self.folder.names
        let reading = try #require(throws: BackendError.self) { try self.file.read() }
        let writing = try #require(throws: BackendError.self) { try self.file.write(contents) }
        for error in [reading, writing] {
            #expect(error.code == .permissionDenied)
            #expect(error.message.contains(self.file.path) && error.message.contains("remove it"), "\(error)")
        }
        #expect(try self.folder.names == before)
    }

    @Test("a file that others may write is refused, and says how to put it right", arguments: [0o620, 0o602, 0o666])
    func writableByOthers(_ mode: Int) throws {
        let contents = try SnapshotFormatTests.contents(services: 1)
        try self.file.write(contents)
        chmod(self.file.path, mode_t(mode))
        let error = try #require(throws: BackendError.self) { try self.file.read() }
        #expect(error.code == .permissionDenied)
        #expect(error.message.contains(String(mode, radix: 8)) && error.message.contains("600"))
        chmod(self.file.path, 0o644)
        #expect(try self.file.read() == contents)
    }

    @Test("a file of another user is refused, one of root is not")
    func owners() throws {
        var status = stat()
        try self.file.write(SnapshotFormatTests.contents(services: 1))
        #expect(stat(self.file.path, &status) == 0)
        status.st_uid = 7
        #expect(self.file.refusal(of: status, user: 7) == nil)
        #expect(self.file.refusal(of: status, user: 8)?.code == .permissionDenied)
        #expect(self.file.refusal(of: status, user: 0)?.code == .permissionDenied)
        status.st_uid = 0
        #expect(self.file.refusal(of: status, user: 8) == nil)
        // Only root gives files away; what follows is proved where tests run as root.
        guard geteuid() == 0 else { return }
        #expect(chown(self.file.path, 7, 7) == 0)
        let error = try #require(throws: BackendError.self) { try self.file.read() }
        #expect(error.code == .permissionDenied)
        #expect(error.message.contains("user 7") && error.message.contains("user 0"))
    }

    @Test("what is too large is neither read nor written")
    func tooLarge() throws {
        let contents = try SnapshotFormatTests.contents(services: 10)
        let small = try SnapshotFile(path: self.file.path, maximumBytes: 500)
        let writing = try #require(throws: BackendError.self) { try small.write(contents) }
        try self.file.write(contents)
        let reading = try #require(throws: BackendError.self) { try small.read() }
        for error in [reading, writing] {
            #expect(error.code == .tooLarge)
            #expect(error.limit == 500)
        }
        #expect(truncate(self.file.path, off_t(SnapshotFile.maximumBytes) + 1) == 0)
        let error = try #require(throws: BackendError.self) { try self.file.read() }
        #expect(error.code == .tooLarge)
    }

    @Test("what killed writers left is removed after a minute, and nothing else is")
    func leftovers() throws {
        let old = ["services.snapshot.tmp-0123456789abcdef"]
        let kept = [
            "other.snapshot.tmp-0123456789abcdef", "services.snapshot.tmp-0123456789abcde",
            "services.snapshot.tmp-0123456789abcdeg", "services.snapshot.tmp-0123456789abcdef0",
        ]
        for name in old + kept {
            try self.folder.write([1], to: name)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -120)],
                ofItemAtPath: self.folder.path + "/" + name
            )
        }
        let young = "services.snapshot.tmp-00000000000000ff"
        try self.folder.write([1], to: young)
        try self.file.write(SnapshotFormatTests.contents(services: 1))
        #expect(try self.folder.names == (kept + [young, "services.snapshot"]).sorted())
    }

    @Test("on a full disk the old file stays whole and nothing is left beside it")
    func fullDisk() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let file = try SnapshotFile(path: folder.path + "/services.snapshot")
            let old = try SnapshotFormatTests.contents(services: 3)
            try file.write(old)
            let large = try SnapshotFormatTests.contents(services: 500)
            try FileSizeLimit.limiting(to: 20_000) {
                let error = try #require(throws: BackendError.self) { try file.write(large) }
                #expect(error.code == .unavailable)
                #expect(error.message.contains("make space"))
            }
            #expect(try file.read() == old)
            #expect(try folder.names == ["services.snapshot"])
            try file.write(large)
            #expect(try file.read() == large)
        }
    }

    @Test("a folder that this user may not write is refused, and the old file stays")
    func readOnlyFolder() throws {
        // Root may write anywhere.
        guard geteuid() != 0 else { return }
        let contents = try SnapshotFormatTests.contents(services: 1)
        try self.file.write(contents)
        chmod(self.folder.path, 0o500)
        defer { chmod(self.folder.path, 0o700) }
        let error = try #require(throws: BackendError.self) { try self.file.write(contents) }
        #expect(error.code == .permissionDenied)
        #expect(try self.file.read() == contents)
    }

    @Test("writers at the same time leave one whole file, and a reader never sees anything else")
    func concurrentWriters() async throws {
        let file = self.file
        try file.write(SnapshotFormatTests.contents(services: 20, backend: "w0"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for _ in 0..<25 {
                        try file.write(SnapshotFormatTests.contents(services: 20 + writer, backend: "w\(writer)"))
                    }
                }
            }
            group.addTask {
                for _ in 0..<50 {
                    let contents = try #require(try file.read())
                    #expect(contents.services.count == (contents.backend == "w0" ? 20 : 21))
                }
            }
            try await group.waitForAll()
        }
        #expect(try self.folder.names == ["services.snapshot"])
    }
}
