/// Writes figures in the text format of Prometheus (version 0.0.4).
package struct MetricsText {
    /// What was written so far.
    package private(set) var text = ""
    private let prefix: String

    /// Begins a text.
    ///
    /// - Parameter prefix: What each name begins with, such as `rollcall_hub_`.
    package init(prefix: String) {
        self.prefix = prefix
    }

    /// Adds a number that only rises.
    package mutating func counter(_ name: String, _ help: String, _ value: Int) {
        self.add(name, "counter", help, [("", "\(value)")])
    }

    /// Adds a number that rises and falls.
    package mutating func gauge(_ name: String, _ help: String, _ value: Int) {
        self.add(name, "gauge", help, [("", "\(value)")])
    }

    /// Adds a number with a fraction that rises and falls.
    package mutating func gauge(_ name: String, _ help: String, fraction value: Double) {
        self.add(name, "gauge", help, [("", "\(value)")])
    }

    /// Adds samples that differ by their labels.
    package mutating func add(
        _ name: String,
        _ type: String,
        _ help: String,
        _ samples: [(labels: String, value: String)]
    ) {
        self.text += "# HELP \(self.prefix)\(name) \(help)\n# TYPE \(self.prefix)\(name) \(type)\n"
        for sample in samples { self.text += "\(self.prefix)\(name)\(sample.labels) \(sample.value)\n" }
    }

    /// A text as the value of a label.
    package static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
