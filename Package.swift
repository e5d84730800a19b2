// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "rollcall",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Rollcall", targets: ["Rollcall"]),
        .library(name: "RollcallHub", targets: ["RollcallHub"]),
        .library(name: "RollcallGateway", targets: ["RollcallGateway"]),
        .library(name: "RollcallTesting", targets: ["RollcallTesting"]),
    ],
    targets: [
        .target(name: "Rollcall"),
        .target(name: "CSystem"),
        .target(name: "HTTPEngine", dependencies: ["Rollcall", "CSystem"]),
        .target(name: "RollcallHub", dependencies: ["Rollcall"]),
        .target(name: "RollcallGateway", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallTesting", dependencies: ["Rollcall"]),
        .testTarget(name: "RollcallTests", dependencies: ["Rollcall", "RollcallTesting"]),
        .testTarget(name: "HTTPEngineTests", dependencies: ["Rollcall", "HTTPEngine"]),
        .testTarget(name: "RollcallGatewayTests", dependencies: ["Rollcall", "HTTPEngine", "RollcallGateway"]),
        .testTarget(name: "RollcallHubTests", dependencies: ["Rollcall", "RollcallHub", "RollcallTesting"]),
        .testTarget(name: "ContractTests", dependencies: ["Rollcall", "RollcallHub", "RollcallTesting"]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.name != "CSystem" {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        ]
}
