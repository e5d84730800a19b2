/// Rows below headings, in columns as wide as what stands in them.
package struct Table: Sendable {
    private let headings: [String]
    private var rows: [[Cell]] = []

    /// Creates a table without rows.
    package init(_ headings: String...) {
        self.headings = headings
    }

    /// Appends a row, which has a cell for each heading.
    package mutating func append(_ cells: Cell...) {
        self.rows.append(cells)
    }

    /// The lines, without blanks at their ends.
    func lines(inColour: Bool) -> [String] {
        let all = [self.headings.map { Cell($0, .bold) }] + self.rows
        let widths = self.headings.indices.map { column in all.map { $0[column].safeText.count }.max() ?? 0 }
        return all.map { row in
            // Blanks are put before the next cell, so that there are none behind the last that holds anything.
            var line = ""
            var gap = 0
            for (cell, width) in zip(row, widths) {
                let count = cell.safeText.count
                if count > 0 {
                    line += String(repeating: " ", count: gap) + cell.rendered(inColour: inColour)
                    gap = 0
                }
                gap += width - count + 2
            }
            return line
        }
    }
}
