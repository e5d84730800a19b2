import Testing

@testable import Rollcall

@Suite("RegistrarMachine", .timeLimit(.minutes(1)))
struct RegistrarMachineTests {
    @Test("a lost lease is taken again at once, then with pauses that grow to a third of the time-to-live")
    func lost() {
        var machine = RegistrarMachine(ttl: .seconds(3))
        #expect(machine.first == .register(after: .zero, jitter: .zero))
        #expect(machine.registered() == .hold)
        #expect(machine.lost(BackendError(.leaseLost, "")) == .register(after: .zero, jitter: .zero))
        #expect(machine.phase == .lost)
        let bounds = (0..<8).map { _ in machine.failedToRegister(BackendError(.unavailable, "")) }
        let milliseconds = [100, 200, 400, 800, 1000, 1000, 1000, 1000]
        #expect(bounds == milliseconds.map { .register(after: .zero, jitter: .milliseconds($0)) })
        #expect(machine.phase == .lost)
        _ = machine.registered()
        #expect(machine.failures == 0)
    }

    @Test("a server that asks for patience gets it")
    func retryAfter() {
        var machine = RegistrarMachine(ttl: .seconds(3))
        var error = BackendError(.unavailable, "")
        error.retryAfter = .seconds(7)
        #expect(machine.failedToRegister(error) == .register(after: .seconds(7), jitter: .milliseconds(100)))
    }

    @Test("wrong credentials are tried once a minute, not in a storm")
    func credentials() {
        var machine = RegistrarMachine(ttl: .seconds(3))
        for code in [BackendError.Code.unauthenticated, .permissionDenied] {
            #expect(
                machine.failedToRegister(BackendError(code, "")) == .register(after: .seconds(60), jitter: .seconds(3))
            )
        }
    }

    @Test("what can never succeed ends it")
    func permanence() {
        for code in [BackendError.Code.invalidArgument, .tooLarge, .unsupported, .closed] {
            var machine = RegistrarMachine(ttl: .seconds(3))
            #expect(machine.failedToRegister(BackendError(code, "")) == .fail)
        }
    }

    @Test("a displaced one looks each time-to-live, and registers only when nobody holds the id")
    func displaced() {
        var machine = RegistrarMachine(ttl: .seconds(3))
        _ = machine.registered()
        #expect(machine.lost(BackendError(.displaced, "")) == .lookAgain(after: .seconds(3)))
        #expect(machine.phase == .displaced)
        #expect(machine.looked(isHeld: true) == .lookAgain(after: .seconds(3)))
        #expect(machine.looked(isHeld: nil) == .lookAgain(after: .seconds(3)))
        #expect(machine.phase == .displaced)
        #expect(machine.looked(isHeld: false) == .register(after: .zero, jitter: .zero))
    }

    @Test("a removed one stays out until told")
    func removed() {
        var machine = RegistrarMachine(ttl: .seconds(3))
        _ = machine.registered()
        #expect(machine.lost(BackendError(.removed, "")) == .stayOut)
        #expect(machine.failedToRegister(BackendError(.removed, "")) == .stayOut)
        #expect(machine.phase == .removed)
        #expect(machine.resumed() == .register(after: .zero, jitter: .zero))
    }
}
