import Foundation
import HTTPEngine
import Rollcall
import RollcallLogService
import Testing

@Suite("Log file", .timeLimit(.minutes(1)))
struct LogFileTests {
    private static func text(_ number: Int, _ size: Int = 8000) -> String {
        "\(number) " + String(repeating: "x", count: size)
    }

    @Test("full files are kept up to their number, and lines are found across them")
    func rotation() async throws {
        try await withLogService {
            $0.maximumFileBytes = 65536
            $0.rotatedFiles = 2
        } _: { _, endpoint, folder in
            for number in 0..<40 { #expect(try await post("/log", Self.text(number), at: endpoint).status == 200) }
            #expect(try folder.names == ["services.log", "services.log.1", "services.log.2"])
            for name in try folder.names {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
                #expect((attributes[.size] as? Int ?? .max) <= 65536)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
            let answer = try await fetch("/logs?limit=20", at: endpoint)
            let numbers = answer.body.split(separator: "\n").compactMap { line in
                LogLine(line, prefix: "Rollcall:")?.message.split(separator: " ").first.flatMap { Int($0) }
            }
            #expect(numbers == Array(20..<40))
        }
    }

    @Test("without files to keep, the full one makes way")
    func noneKept() async throws {
        try await withLogService {
            $0.maximumFileBytes = 65536
            $0.rotatedFiles = 0
        } _: { _, endpoint, folder in
            for number in 0..<20 {
                let answer = try await post("/log", Self.text(number), at: endpoint)
                #expect(answer.status == 200)
            }
            #expect(try folder.names == ["services.log"])
            #expect(try folder.lines().last?.contains(" 19 ") == true)
        }
    }

    @Test("who follows sees lines across a rotation")
    func followAcross() async throws {
        try await withLogService {
            $0.maximumFileBytes = 65536
        } _: { client, endpoint, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (got, began) = (Collected(), Signal())
                group.addTask {
                    var query = LogQuery()
                    query.follows = true
                    try await LogClient(discovery: client.discovery).tail(query) { (item) throws(BackendError) in
                        got.add(item)
                        began.raise()
                        if got.count == 30 { throw BackendError(.closed, "enough") }
                    }
                }
                _ = try await post("/log", "first", at: endpoint)
                await began.wait()
                for number in 1..<30 { _ = try await post("/log", Self.text(number), at: endpoint) }
                await #expect(throws: BackendError.self) { try await group.waitForAll() }
                let numbers = got.lines.dropFirst().compactMap { line in
                    LogLine(line[...], prefix: "Rollcall:")?.message.split(separator: " ").first.flatMap { Int($0) }
                }
                #expect(numbers == Array(1..<30))
            }
        }
    }

    @Test("a file that was moved away or removed is begun anew")
    func moved() async throws {
        try await withLogService { _, endpoint, folder in
            #expect(try await post("/log", "one", at: endpoint).status == 200)
            try FileManager.default.moveItem(atPath: folder.log, toPath: folder.path + "/away")
            #expect(try await post("/log", "two", at: endpoint).status == 200)
            try FileManager.default.removeItem(atPath: folder.log)
            #expect(try await post("/log", "three", at: endpoint).status == 200)
            let lines = try folder.lines()
            #expect(lines.map { $0.suffix(6) } == [" three"], "\(lines)")
        }
    }

    @Test("a file that is cut to nothing in its place is not full any more")
    func cut() async throws {
        try await withLogService {
            $0.maximumFileBytes = 65536
            $0.rotatedFiles = 1
        } _: { _, endpoint, folder in
            func fill(_ numbers: Range<Int>) async throws {
                for number in numbers {
                    let answer = try await post("/log", Self.text(number), at: endpoint)
                    #expect(answer.status == 200)
                }
            }
            try await fill(0..<7)
            #expect(truncate(folder.log, 0) == 0)
            try await fill(7..<14)
            #expect(try folder.names == ["services.log"])
            #expect(try folder.lines().count == 7)
            #expect(try await fetch("/logs", at: endpoint).body.split(separator: "\n").count == 7)
        }
    }

    @Test("a folder that is gone is told, and lines are taken again once it is back")
    func folderGone() async throws {
        try await withLogService { _, endpoint, folder in
            try FileManager.default.removeItem(atPath: folder.path)
            let answer = try await post("/log", "one", at: endpoint)
            #expect(answer.status == 500)
            #expect(answer.body.contains(#""code":"unavailable""#))
            try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
            #expect(try await post("/log", "two", at: endpoint).status == 200)
            #expect(try folder.lines().count == 1)
        }
    }

    @Test("what was there stays; a line that a killed process left half is ended first")
    func tornLine() async throws {
        let folder = try LogFolder()
        try Data("Rollcall: half a li".utf8).write(to: URL(fileURLWithPath: folder.log))
        let service = try LogService(LogServiceConfiguration(path: folder.log))
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            try await withRunner(service.runner(client: client, port: 0, configuration: quickly)) { endpoint in
                #expect(try await post("/log", "whole", at: endpoint).status == 200)
                let all = try await fetch("/logs", at: endpoint).body.split(separator: "\n")
                #expect(all.first == "Rollcall: half a li")
                #expect(all.last?.hasSuffix(" whole") == true)
            }
        }
    }

    @Test("links, folders, pipes, missing folders and files in use are refused when it starts")
    func badFiles() throws {
        let folder = try LogFolder()
        let target = folder.path + "/target"
        try Data().write(to: URL(fileURLWithPath: target))
        let link = folder.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [link, pipe, folder.path, folder.path + "/none/log", "/dev/full"] {
            let error = #expect(throws: BackendError.self) { try LogService(LogServiceConfiguration(path: path)) }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains(path) == true)
        }
        let first = try LogService(LogServiceConfiguration(path: folder.log))
        let error = #expect(throws: BackendError.self) { try LogService(LogServiceConfiguration(path: folder.log)) }
        #expect(error?.message.contains("another process") == true)
        withExtendedLifetime(first) {}
        let bad = #expect(throws: BackendError.self) {
            try LogService(LogServiceConfiguration(path: folder.log, prefix: "a\nb"))
        }
        #expect(bad?.code == .invalidArgument)
    }

    @Test("on a full disk nothing is acknowledged that is not there, no line is half, and it goes on with space")
    func fullDisk() async {
        await #expect(processExitsWith: .success) {
            try await withLogService { _, endpoint, folder in
                // Without this the system kills the process instead of refusing the write.
                signal(SIGXFSZ, SIG_IGN)
                var former = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former)
                var limit = former
                limit.rlim_cur = 5000
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                var acknowledged: [String] = []
                var refused = 0
                for number in 0..<40 {
                    let message = "\(number)" + String(repeating: "x", count: 200)
                    let answer = try await post("/log", message, at: endpoint)
                    if answer.status == 200 { acknowledged.append(message) } else { refused += 1 }
                    if answer.status != 200 { #expect(answer.status == 507, "\(answer.body)") }
                }
                let batch = #"{"entries":[{"message":"short"},{"message":"\#(String(repeating: "y", count: 5000))"}]}"#
                #expect(try await post("/logs", batch, at: endpoint).status == 507)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former)
                #expect(try await post("/log", "again", at: endpoint).status == 200)
                let lines = try folder.lines().map { LogLine($0[...], prefix: "Rollcall:")?.message }
                #expect(lines == acknowledged + ["again"])
                #expect(acknowledged.count > 5 && refused > 5)
            }
        }
    }
}
