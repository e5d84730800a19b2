/// Which version of Rollcall this is.
public enum RollcallVersion {
    /// The version, by semantic versioning.
    public static let text = "0.1.0"
}
