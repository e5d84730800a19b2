import Foundation
import Rollcall
import RollcallHub
import Testing

@Suite("HubStore in a process that is killed or stopped", .timeLimit(.minutes(1)), .serialized)
struct ProcessTests {
    @Test("what was acknowledged before SIGKILL is there after the restart", arguments: 0..<5)
    func kill(_ round: Int) async throws {
        let path = Self.sharedPath(of: getpid())
        defer { try? FileManager.default.removeItem(atPath: path) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let path = ProcessTests.sharedPath(of: getppid())
            let store = try HubStore(folder: path)
            await withTaskGroup(of: Void.self) { group in
                // One of the tasks kills the process while the others are at any point of what they do.
                let last = Int.random(in: 30..<300)
                for task in 0..<4 {
                    group.addTask {
                        let list = path + "/acknowledged-\(task)"
                        _ = FileManager.default.createFile(atPath: list, contents: nil)
                        guard let file = FileHandle(forWritingAtPath: list) else { return }
                        for number in 0... {
                            let id = "t\(task)-\(number)"
                            guard let instance = try? HubStoreTests.make(id),
                                (try? store.register(instance, in: .default, ttl: .seconds(60))) != nil
                            else { return }
                            file.write(Data((id + "\n").utf8))
                            if task == 0, number == last { Foundation.kill(getpid(), SIGKILL) }
                            await Task.yield()
                        }
                    }
                }
            }
        }
        let store = try HubStore(folder: path)
        let instances = try HubStoreTests.instances(in: store.snapshot(of: ServiceName("web"), in: .default))
        let present = Set(instances.map(\.id.text))
        var acknowledged = 0
        for task in 0..<4 {
            let text = try String(contentsOfFile: path + "/acknowledged-\(task)", encoding: .utf8)
            for id in text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1) {
                acknowledged += 1
                #expect(present.contains(String(id)), "\(id) was acknowledged and is lost")
            }
        }
        #expect(acknowledged > 30)
    }

    @Test("after SIGSTOP for three times-to-live and SIGCONT nobody is lost")
    func stop() async {
        await #expect(processExitsWith: .success) {
            let store = try HubStore(folder: nil)
            let registration = try store.register(HubStoreTests.make("a"), in: .default, ttl: .seconds(1))
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await store.run() }
                let stopper = Process()
                stopper.executableURL = URL(fileURLWithPath: "/bin/sh")
                let pid = getpid()
                stopper.arguments = ["-c", "sleep 0.3; kill -STOP \(pid); sleep 3; kill -CONT \(pid)"]
                let clock = ContinuousClock()
                var end = clock.now.advanced(by: .seconds(20))
                #expect(throws: Never.self) { try stopper.run() }
                var longest = Duration.zero
                while clock.now < end {
                    let before = clock.now
                    try? await clock.sleep(for: .milliseconds(100))
                    let pause = before.duration(to: clock.now)
                    // A while longer, so that whatever the pause made late is done.
                    if pause > .seconds(2.5), longest < .seconds(2.5) { end = clock.now.advanced(by: .seconds(1)) }
                    longest = max(longest, pause)
                    // The tick comes first after the pause: it must not have ended what could not be renewed.
                    #expect(throws: Never.self) { try store.renew(registration.token, in: .default) }
                }
                #expect(longest > .seconds(2.5), "the process was not stopped")
                group.cancelAll()
            }
        }
    }

    /// A path that a test and the process that it starts both know.
    static func sharedPath(of pid: Int32) -> String {
        NSTemporaryDirectory() + "rollcall-process-\(pid)"
    }
}
