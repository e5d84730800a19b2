/// What differs between two texts, line by line, as `diff -u` says it.
struct TextDiff {
    /// One line of both texts together.
    fileprivate enum Line {
        case same(Substring)
        case removed(Substring)
        case added(Substring)
    }

    /// How many lines that are the same stand around a difference.
    private static let context = 3

    private let lines: [Line]

    /// Compares two texts.
    init(from old: String, to new: String) {
        let (old, new) = (Self.split(old), Self.split(new))
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var added: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var lines: [Line] = []
        var (from, to) = (0, 0)
        while from < old.count || to < new.count {
            if from < old.count, removed.contains(from) {
                lines.append(.removed(old[from]))
                from += 1
            } else if to < new.count, added.contains(to) {
                lines.append(.added(new[to]))
                to += 1
            } else {
                lines.append(.same(old[from]))
                from += 1
                to += 1
            }
        }
        self.lines = lines
    }

    /// Whether both texts are the same.
    var isEmpty: Bool { !self.lines.contains { $0.isChange } }

    /// The differences, with what stands around them.
    func unified(from old: String, to new: String) -> [Cell] {
        guard !self.isEmpty else { return [] }
        var cells = [Cell("--- \(old)", .bold), Cell("+++ \(new)", .bold)]
        for hunk in self.hunks { cells += self.render(hunk) }
        return cells
    }

    /// The ranges of lines that are shown together.
    private var hunks: [Range<Int>] {
        var hunks: [Range<Int>] = []
        for (index, line) in self.lines.enumerated() where line.isChange {
            let range = max(0, index - Self.context)..<min(self.lines.count, index + Self.context + 1)
            if let last = hunks.last, last.upperBound >= range.lowerBound {
                hunks[hunks.count - 1] = last.lowerBound..<range.upperBound
            } else {
                hunks.append(range)
            }
        }
        return hunks
    }

    private func render(_ hunk: Range<Int>) -> [Cell] {
        let before = self.lines[..<hunk.lowerBound]
        let from = before.count { !$0.isAddition } + 1
        let to = before.count { !$0.isRemoval } + 1
        let shown = self.lines[hunk]
        let counts = (shown.count { !$0.isAddition }, shown.count { !$0.isRemoval })
        let heading = Cell("@@ -\(from),\(counts.0) +\(to),\(counts.1) @@")
        return [heading]
            + shown.map { line in
                switch line {
                case .same(let text): Cell(" \(text)")
                case .removed(let text): Cell("-\(text)", .red)
                case .added(let text): Cell("+\(text)", .green)
                }
            }
    }

    private static func split(_ text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}

extension TextDiff.Line {
    fileprivate var isAddition: Bool { if case .added = self { true } else { false } }
    fileprivate var isRemoval: Bool { if case .removed = self { true } else { false } }
    fileprivate var isChange: Bool { self.isAddition || self.isRemoval }
}
