import HTTPEngine
import Rollcall
import RollcallFormats

// Configuration and locks: what survives a power cut.
extension HubStore {
    /// Opens what a folder has of them, or something that keeps nothing.
    static func openState(
        _ folder: String?,
        _ clock: TimeSource,
        _ log: Log
    ) throws(BackendError) -> (HubState, HubConfig, HubLocks) {
        let (file, contents) = try StateFile.open(folder: folder)
        let state = HubState(file, contents, log: log)
        return (state, HubConfig(state: state, formats: .all), HubLocks(state, contents, clock: clock))
    }

    /// Commits, ends locks in time, and writes what could not be written, until the task is cancelled.
    func runState() async {
        let disk = try? EventLoops.forDisk()
        await withDiscardingTaskGroup { group in
            group.addTask(executorPreference: disk) { await self.state.run() }
            group.addTask { await self.locks.sweep() }
            var activations = 0
            while (try? await self.registry.clock.sleep(for: .seconds(1))) != nil {
                self.maintain()
                await self.state.retryFailedCommit()
                self.reportGuard(since: &activations)
            }
            group.cancelAll()
        }
    }
}
