// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "rollcall",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Rollcall", targets: ["Rollcall"]),
        .library(name: "RollcallHub", targets: ["RollcallHub"]),
        .library(name: "RollcallTesting", targets: ["RollcallTesting"]),
        .executable(name: "rollcall", targets: ["RollcallCommand"]),
    ],
    targets: [
        .target(name: "Rollcall"),
        .target(name: "RollcallHub", dependencies: ["Rollcall"]),
        .target(name: "RollcallTesting", dependencies: ["Rollcall"]),
        .target(name: "RollcallProgram", dependencies: ["Rollcall"]),
        .executableTarget(name: "RollcallCommand", dependencies: ["RollcallProgram"]),
        .testTarget(name: "RollcallTests", dependencies: ["Rollcall", "RollcallTesting"]),
        .testTarget(name: "RollcallHubTests", dependencies: ["Rollcall", "RollcallHub", "RollcallTesting"]),
        .testTarget(name: "RollcallProgramTests", dependencies: ["Rollcall", "RollcallProgram"]),
        .testTarget(name: "ContractTests", dependencies: ["Rollcall", "RollcallHub", "RollcallTesting"]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        ]
}
