/// A command line that cannot be carried out as it was typed.
package struct UsageError: Error, Hashable, Sendable {
    /// What is wrong with it.
    package let message: String
    /// How the command is called; empty where no command was recognised.
    package let usage: String
    /// What may have been meant.
    package let suggestion: String?

    /// Creates an error.
    package init(_ message: String, usage: String = "", suggestion: String? = nil) {
        self.message = message
        self.usage = usage
        self.suggestion = suggestion
    }
}

/// Finds what somebody may have meant.
package enum NearestName {
    /// The candidate that is the fewest keystrokes away, or `nil` when none is near.
    ///
    /// - Parameters:
    ///   - text: What was typed.
    ///   - candidates: What there is.
    /// - Returns: The nearest; of several, the first.
    package static func find(_ text: String, among candidates: [String]) -> String? {
        // Whoever types only the beginning means what begins so.
        if text.count >= 2, let longer = candidates.first(where: { $0.hasPrefix(text) }) { return longer }
        let limit = max(1, min(3, text.count / 2))
        var nearest: (name: String, distance: Int)?
        for candidate in candidates {
            let distance = self.distance(Array(text), Array(candidate))
            if distance <= limit, distance < nearest?.distance ?? .max { nearest = (candidate, distance) }
        }
        return nearest?.name
    }

    /// The least number of characters to insert, remove, replace or swap with their neighbour.
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, character) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(last[column] + (character == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, character == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
