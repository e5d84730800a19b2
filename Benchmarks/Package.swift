// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "rollcall", path: "..")],
    targets: [
        .target(name: "CAllocations"),
        .target(name: "BenchmarkSupport", dependencies: ["CAllocations"]),
        .executableTarget(
            name: "PickBenchmark",
            dependencies: ["BenchmarkSupport", .product(name: "Rollcall", package: "rollcall")]
        ),
        .executableTarget(
            name: "CoreBenchmark",
            dependencies: [
                "BenchmarkSupport",
                .product(name: "Rollcall", package: "rollcall"),
                .product(name: "RollcallHub", package: "rollcall"),
            ]
        ),
        .executableTarget(
            name: "GatewayBenchmark",
            dependencies: [
                .product(name: "Rollcall", package: "rollcall"),
                .product(name: "RollcallGateway", package: "rollcall"),
            ]
        ),
        .executableTarget(
            name: "ProbeBenchmark",
            dependencies: [
                .product(name: "Rollcall", package: "rollcall"),
                .product(name: "RollcallProbes", package: "rollcall"),
            ]
        ),
        .executableTarget(
            name: "BackendBenchmark",
            dependencies: [
                .product(name: "Rollcall", package: "rollcall"),
                .product(name: "RollcallConsul", package: "rollcall"),
                .product(name: "RollcallEtcd", package: "rollcall"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
