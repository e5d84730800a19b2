import HTTPEngine

/// What the console, `console.html`, is served with.
///
/// The page shows names that come from strangers. It sets them as text only, and should it ever fail to, the policy
/// still lets nothing run, load or be sent but what is written in the page.
enum ConsolePage {
    /// SHA-256 of the text between `<script>` and `</script>`, in base 64; `ConsoleTests` say what it must be.
    static let scriptHash = "JmFmHqS1GHM2M2OfdW6VHxwH3Ahl3WhXmq3o2i5XMiA="
    /// The same of the text between `<style>` and `</style>`.
    static let styleHash = "p1kCxhJqkSMsXpUTaYygAxiX00Ejtk0TQeWoL42L4tY="

    /// What the page may do.
    private static let policy = [
        "default-src 'none'",
        "script-src 'sha256-\(scriptHash)'",
        "style-src 'sha256-\(styleHash)'",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ].joined(separator: "; ")

    /// Its headers besides type and length.
    static let headers = [
        Problem.Header("Content-Security-Policy", Self.policy),
        Problem.Header("X-Content-Type-Options", "nosniff"),
        Problem.Header("Referrer-Policy", "no-referrer"),
        Problem.Header("Cache-Control", "no-store"),
    ]

    /// Answers with the page.
    static func respond(to exchange: HTTPExchange) {
        exchange.respond(200, "text/html; charset=utf-8", headers: self.headers, body: PackageResources.console_html)
    }
}
