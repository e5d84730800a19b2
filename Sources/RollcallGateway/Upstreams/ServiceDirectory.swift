import HTTPEngine
import Rollcall
import Synchronization

/// The services that the gateway knows, and how it learns of one.
///
/// Anybody can ask for any name, so a name costs no watch until the registry said that it has instances.
final class ServiceDirectory: Sendable {
    /// How long a name that nobody registered is remembered.
    private static let memory = Duration.seconds(1)
    private static let maximumUnknown = 1024
    private static let maximumQuestions = 64

    /// One question to the registry, for all who want to know the same.
    private final class Question: Sendable {
        let done = Signal()
        let answer = Mutex<Result<Bool, Problem>?>(nil)
    }

    /// What is to be done to find out about a name.
    private enum Step {
        /// Nothing: nobody registered it just now.
        case giveUp
        /// The registry is asked.
        case ask(Question)
        /// Somebody else asks.
        case wait(Question)
        /// Nothing: too much is being asked.
        case refuse
    }

    private struct State {
        var services: [ServiceText: KnownService] = [:]
        var unknown: [ServiceText: TimeSource.Instant] = [:]
        var questions: [ServiceText: Question] = [:]

        mutating func step(for text: ServiceText, at now: TimeSource.Instant) -> Step {
            if let since = self.unknown[text], since.duration(to: now) < ServiceDirectory.memory { return .giveUp }
            if let question = self.questions[text] { return .wait(question) }
            guard self.questions.count < ServiceDirectory.maximumQuestions else { return .refuse }
            let question = Question()
            self.questions[text] = question
            return .ask(question)
        }
    }

    /// The discovery that instances come from.
    let discovery: Discovery
    private let configuration: GatewayConfiguration
    private let clock: TimeSource
    private let state = Mutex(State())

    /// Creates a directory that knows nothing.
    init(discovery: Discovery, configuration: GatewayConfiguration, clock: TimeSource) {
        self.discovery = discovery
        self.configuration = configuration
        self.clock = clock
    }

    /// All services that are known.
    var services: [KnownService] { self.state.withLock { Array($0.services.values) } }

    /// Finds a service.
    ///
    /// - Throws: A ``Problem`` with status 400 for what is no name, 404 for a service that nobody registered, 503 when
    ///   the registry does not answer.
    func service(named text: ServiceText) async throws(Problem) -> KnownService {
        if let service = self.state.withLock({ $0.services[text] }) { return service }
        let name: ServiceName
        do throws(ValidationError) {
            name = try ServiceName(text.text)
        } catch {
            throw Problem(error)
        }
        guard self.configuration.allowedServices?.contains(name) ?? true else { throw Self.notFound(name) }
        guard try await self.isRegistered(name, text) else { throw Self.notFound(name) }
        return self.state.withLock { state in
            if let service = state.services[text] { return service }
            let service = KnownService(name, threshold: self.configuration.ejectionThreshold)
            state.services[text] = service
            return service
        }
    }

    private func isRegistered(_ name: ServiceName, _ text: ServiceText) async throws(Problem) -> Bool {
        let now = self.clock.now
        switch self.state.withLock({ $0.step(for: text, at: now) }) {
        case .giveUp: return false
        case .refuse: throw Problem(status: 503, code: .unavailable, "too many unknown services are asked for at once")
        case .wait(let question):
            await question.done.wait()
            // Without an answer the task was cancelled, and nobody waits for what becomes of it.
            let answer = question.answer.withLock { $0 } ?? .failure(Self.silent)
            return try answer.get()
        case .ask(let question):
            let answer: Result<Bool, Problem>
            do throws(Problem) {
                answer = .success(try await self.ask(name, text))
            } catch {
                answer = .failure(error)
            }
            question.answer.withLock { $0 = answer }
            self.state.withLock { _ = $0.questions.removeValue(forKey: text) }
            question.done.raise()
            return try answer.get()
        }
    }

    private func ask(_ name: ServiceName, _ text: ServiceText) async throws(Problem) -> Bool {
        let discovery = self.discovery
        do throws(BackendError) {
            let isEmpty = try await withDeadline(self.configuration.lookupTimeout, clock: self.clock) {
                () async throws(BackendError) in
                try await discovery.backend.instances(of: name).instances.isEmpty
            }
            if isEmpty { self.remember(unknown: text) }
            return !isEmpty
        } catch {
            self.configuration.log(.warning, "the registry was asked for \(name) and failed: \(error)")
            throw Self.silent
        }
    }

    private func remember(unknown text: ServiceText) {
        let now = self.clock.now
        self.state.withLock { state in
            if state.unknown.count >= Self.maximumUnknown { state.unknown = [:] }
            state.unknown[text] = now
        }
    }

    private static var silent: Problem {
        Problem(status: 503, code: .unavailable, "the registry does not answer")
    }

    private static func notFound(_ name: ServiceName) -> Problem {
        Problem(status: 404, code: .notFound, "there is no service \(name.text.quotedForDisplay)")
    }
}
