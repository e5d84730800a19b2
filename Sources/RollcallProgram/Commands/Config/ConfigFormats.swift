import Rollcall
import RollcallFormats

/// What the program reads as configuration.
enum ConfigFormats {
    /// All kinds of text that it knows.
    static let reader = ConfigReader.all
}
