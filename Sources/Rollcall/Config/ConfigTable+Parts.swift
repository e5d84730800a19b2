// A table may be changed in a part, which takes the place of the whole's once it is on the disk.
extension ConfigTable {
    /// A table of nothing that counts on where this one stands.
    package var emptyPart: ConfigTable { ConfigTable(revision: self.revision, historyLimit: self.historyLimit) }

    /// A table of what is at some places only.
    package func part(of places: [Place]) -> ConfigTable {
        var part = self.emptyPart
        for place in places { part.take(place, from: self) }
        return part
    }

    /// Takes all that is at a place from another table.
    package mutating func take(_ place: Place, from other: ConfigTable) {
        self.items[place] = other.items[place]
        self.candidates[place] = other.candidates[place]
    }

    /// Takes all that a part has, with its count of changes.
    ///
    /// - Parameters:
    ///   - places: The places that it has.
    ///   - part: The part.
    package mutating func take(_ places: some Sequence<Place>, from part: ConfigTable) {
        self.revision = max(self.revision, part.revision)
        for place in places { self.take(place, from: part) }
    }
}
