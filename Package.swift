// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "rollcall",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Rollcall", targets: ["Rollcall"]),
        .library(name: "RollcallFormats", targets: ["RollcallFormats"]),
        .library(name: "RollcallHub", targets: ["RollcallHub"]),
        .library(name: "RollcallHubClient", targets: ["RollcallHubClient"]),
        .library(name: "RollcallEtcd", targets: ["RollcallEtcd"]),
        .library(name: "RollcallConsul", targets: ["RollcallConsul"]),
        .library(name: "RollcallGateway", targets: ["RollcallGateway"]),
        .library(name: "RollcallHTTP", targets: ["RollcallHTTP"]),
        .library(name: "RollcallProbes", targets: ["RollcallProbes"]),
        .library(name: "RollcallService", targets: ["RollcallService"]),
        .library(name: "RollcallLogService", targets: ["RollcallLogService"]),
        .library(name: "RollcallTesting", targets: ["RollcallTesting"]),
        .executable(name: "rollcall", targets: ["RollcallCommand"]),
    ],
    targets: [
        .target(name: "Rollcall"),
        .target(name: "CSystem"),
        .systemLibrary(name: "CSQLite"),
        .target(name: "SQLiteEngine", dependencies: ["Rollcall", "CSQLite"]),
        .systemLibrary(
            name: "CYAML",
            pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]
        ),
        .target(name: "RollcallFormats", dependencies: ["Rollcall", "CYAML"]),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
        ),
        .target(name: "HTTPEngine", dependencies: ["Rollcall", "CSystem", "COpenSSL"]),
        .target(name: "GRPCEngine", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallEtcd", dependencies: ["Rollcall", "HTTPEngine", "GRPCEngine"]),
        .target(
            name: "RollcallHub",
            dependencies: [
                "Rollcall", "HTTPEngine", "SQLiteEngine", "RollcallFormats", "RollcallService", "RollcallCatalog",
                "RollcallProbes",
            ],
            resources: [.embedInCode("HTTP/openapi.yaml"), .embedInCode("HTTP/console.html")]
        ),
        .target(name: "RollcallHubClient", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallConsul", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallHTTP", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallProbes", dependencies: ["Rollcall", "HTTPEngine"]),
        .target(name: "RollcallService", dependencies: ["Rollcall", "HTTPEngine", "RollcallHTTP"]),
        .target(name: "RollcallCatalog", dependencies: ["Rollcall", "HTTPEngine", "RollcallService"]),
        .target(
            name: "RollcallLogService",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallHTTP", "RollcallService"]
        ),
        .target(
            name: "RollcallVisitService",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallService", "RollcallLogService"]
        ),
        .target(name: "RollcallTesting", dependencies: ["Rollcall", "HTTPEngine", "CSystem"]),
        .target(
            name: "RollcallProgram",
            dependencies: [
                "Rollcall", "HTTPEngine", "RollcallHub", "RollcallHubClient", "RollcallEtcd", "RollcallConsul",
                "RollcallGateway",
                "RollcallLogService", "RollcallService", "RollcallCatalog", "RollcallVisitService", "RollcallHTTP",
                "RollcallProbes",
                "RollcallFormats",
            ]
        ),
        .executableTarget(name: "RollcallCommand", dependencies: ["RollcallProgram"]),
        .target(
            name: "ExampleSupport",
            dependencies: ["Rollcall", "RollcallHTTP", "RollcallHubClient", "RollcallService"],
            path: "Examples/Support"
        ),
        .executableTarget(
            name: "ExampleProvider",
            dependencies: ["ExampleSupport", "Rollcall", "RollcallService"],
            path: "Examples/Provider"
        ),
        .executableTarget(
            name: "ExampleConsumer",
            dependencies: ["ExampleSupport", "Rollcall", "RollcallHTTP", "RollcallService"],
            path: "Examples/Consumer"
        ),
        .executableTarget(
            name: "ExampleConfig",
            dependencies: ["ExampleSupport", "Rollcall"],
            path: "Examples/Config"
        ),
        .testTarget(name: "RollcallTests", dependencies: ["Rollcall", "RollcallTesting"]),
        .testTarget(name: "RollcallFormatsTests", dependencies: ["Rollcall", "RollcallFormats", "RollcallTesting"]),
        .testTarget(
            name: "HTTPEngineTests",
            dependencies: ["Rollcall", "HTTPEngine", "COpenSSL", "RollcallTesting"]
        ),
        .testTarget(
            name: "RollcallHubTests",
            dependencies: [
                "Rollcall", "HTTPEngine", "SQLiteEngine", "RollcallService", "RollcallHub", "RollcallHubClient",
                "RollcallProbes", "RollcallProgram", "RollcallTesting",
            ]
        ),
        .testTarget(
            name: "RollcallHubClientTests",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallHub", "RollcallHubClient", "RollcallTesting"]
        ),
        .testTarget(
            name: "RollcallConsulTests",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallConsul", "RollcallTesting"],
            exclude: ["python_consul.py"]
        ),
        .testTarget(
            name: "RollcallProgramTests",
            dependencies: [
                "Rollcall", "HTTPEngine", "RollcallHub", "RollcallHubClient", "RollcallProgram", "RollcallTesting",
            ]
        ),
        .testTarget(
            name: "RollcallServiceTests",
            dependencies: [
                "Rollcall", "HTTPEngine", "RollcallService", "RollcallCatalog", "RollcallLogService",
                "RollcallHTTP", "RollcallVisitService", "RollcallHub", "RollcallTesting",
            ]
        ),
        .testTarget(
            name: "RollcallProbesTests",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallProbes", "RollcallTesting"]
        ),
        .testTarget(
            name: "RollcallLogServiceTests",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallService", "RollcallLogService", "RollcallTesting"]
        ),
        .testTarget(
            name: "GRPCEngineTests",
            dependencies: ["Rollcall", "HTTPEngine", "GRPCEngine", "RollcallTesting"]
        ),
        .testTarget(
            name: "RollcallEtcdTests",
            dependencies: ["Rollcall", "HTTPEngine", "GRPCEngine", "RollcallEtcd", "RollcallTesting"]
        ),
        .testTarget(name: "RollcallTestingTests", dependencies: ["Rollcall", "HTTPEngine", "RollcallTesting"]),
        .testTarget(
            name: "ContractTests",
            dependencies: [
                "Rollcall", "RollcallConsul", "RollcallEtcd", "RollcallHub", "RollcallHubClient", "RollcallTesting",
            ]
        ),
        .testTarget(
            name: "ExampleTests",
            dependencies: [
                "Rollcall", "RollcallGateway", "RollcallHTTP", "RollcallHub", "RollcallHubClient", "RollcallProgram",
                "RollcallService", "RollcallTesting",
            ]
        ),
        .target(name: "RollcallGateway", dependencies: ["Rollcall", "HTTPEngine"]),
        .testTarget(
            name: "RollcallGatewayTests",
            dependencies: ["Rollcall", "HTTPEngine", "RollcallGateway", "RollcallTesting"]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.name != "CSystem" && target.type != .system {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        ]
}
