/// The name of a service: what its instances register under and its callers ask for.
///
/// At most 128 bytes.
public typealias ServiceName = ValidatedName<ServiceNameKind>

/// The identity of an instance within its service and namespace, never its address.
///
/// At most 128 bytes.
public typealias InstanceID = ValidatedName<InstanceIDKind>

/// A tenant: services of one namespace are invisible in another.
///
/// At most 128 bytes.
public typealias Namespace = ValidatedName<NamespaceKind>

/// Where a configuration is stored, such as `shop/limits`.
///
/// At most 512 bytes. A `/` that it begins with is dropped: `/shop/limits` is the same key.
public typealias ConfigKey = ValidatedName<ConfigKeyKind>

/// The name of a lock.
///
/// At most 128 bytes.
public typealias LockName = ValidatedName<LockNameKind>

/// Marks ``ServiceName``.
public enum ServiceNameKind: NameKind {
    /// What the name is called in messages.
    public static let label = "service"
    /// The greatest length in bytes of UTF-8.
    public static let maximumBytes = 128
}

/// Marks ``InstanceID``.
public enum InstanceIDKind: NameKind {
    /// What the name is called in messages.
    public static let label = "id"
    /// The greatest length in bytes of UTF-8.
    public static let maximumBytes = 128
}

/// Marks ``Namespace``.
public enum NamespaceKind: NameKind {
    /// What the name is called in messages.
    public static let label = "namespace"
    /// The greatest length in bytes of UTF-8.
    public static let maximumBytes = 128
}

/// Marks ``ConfigKey``.
public enum ConfigKeyKind: NameKind {
    /// What the name is called in messages.
    public static let label = "key"
    /// The greatest length in bytes of UTF-8.
    public static let maximumBytes = 512
    /// Whether a `/` at the beginning is dropped.
    public static let dropsLeadingSlash = true
}

/// Marks ``LockName``.
public enum LockNameKind: NameKind {
    /// What the name is called in messages.
    public static let label = "lock"
    /// The greatest length in bytes of UTF-8.
    public static let maximumBytes = 128
}

extension ValidatedName where Kind == NamespaceKind {
    /// The namespace of those who name none: `default`.
    public static var `default`: Namespace { .trusting("default") }
}

extension ValidatedName where Kind == InstanceIDKind {
    /// A new random identity: 128 bits of the system's randomness as 32 hexadecimal digits.
    public static func random() -> InstanceID { .trusting(RandomText.hexadecimal(words: 2)) }
}
