package import Rollcall

/// A piece of text for people, with its colour.
///
/// It is made safe when it is shown: names and messages come from strangers, and a control character in them could
/// make a terminal do anything.
package struct Cell: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// How a terminal shows it, by the numbers of ECMA-48.
    package enum Style: Int, Sendable {
        /// As everything else.
        case plain = 0
        /// What matters most.
        case bold = 1
        /// What went wrong.
        case red = 31
        /// What is well.
        case green = 32
        /// What wants attention.
        case yellow = 33
    }

    /// The text, as it came.
    let text: String
    let style: Style

    /// A piece of text.
    package init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }

    /// A piece of plain text.
    package init(stringLiteral value: String) {
        self.init(value)
    }

    /// A status in its colour.
    package init(_ status: HealthStatus) {
        let style: Style =
            switch status {
            case .passing: .green
            case .critical: .red
            case .warning, .maintenance: .yellow
            }
        self.init(status.rawValue, style)
    }

    /// The text with everything escaped that a terminal would obey.
    var safeText: String { self.text.safeForTerminal }

    /// The text to write.
    func rendered(inColour: Bool) -> String {
        let isPlain = !inColour || self.style == .plain || self.text.isEmpty
        return isPlain ? self.safeText : "\u{1B}[\(self.style.rawValue)m\(self.safeText)\u{1B}[0m"
    }
}

extension String {
    /// The text with control characters, and those that turn the direction of writing, escaped.
    package var safeForTerminal: String {
        guard self.unicodeScalars.contains(where: Self.isUnsafe) else { return self }
        return self.unicodeScalars.reduce(into: "") { text, scalar in
            text += Self.isUnsafe(scalar) ? scalar.escaped(asASCII: true) : String(scalar)
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        case .format: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        default: false
        }
    }
}
