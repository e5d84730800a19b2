import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

@Suite("Records that are remembered")
struct EtcdRecordReaderTests {
    private let layout = RollcallEtcdLayout(prefix: "rollcall", namespace: .default)

    private func record(_ id: String, weight: Int = 1) throws -> EtcdRecord {
        let instance = try sample(id).applying(InstanceChange(weight: weight))
        var record = EtcdRecord()
        record.key = Array(self.layout.key(of: instance).utf8)
        record.value = self.layout.encode(StoredInstance(instance))
        // The same for all, as another store may give it to another value.
        record.modRevision = 7
        return record
    }

    @Test("what changed is read anew, also into something that cannot be read and back")
    func changes() throws {
        let reader = EtcdRecordReader(layout: self.layout)
        var broken = try self.record("a")
        broken.value = Array("{".utf8)
        var foreign = EtcdRecord()
        foreign.key = Array("/elsewhere".utf8)
        for weight in [1, 1, 2] {
            let contents = reader.contents(of: [try self.record("a", weight: weight), foreign, try self.record("b")])
            #expect(contents.map(\.id.text) == ["a", "b"])
            #expect(try contents.map { try $0.instance.get().weight } == [weight, 1])
            for _ in 0..<2 {
                let fault = try #require(reader.contents(of: [broken]).first)
                #expect(throws: ValidationError.self) { try fault.instance.get() }
            }
        }
        #expect(reader.count == 2)
    }

    @Test("no more are remembered than there is room for, and all are read")
    func capacity() throws {
        let reader = EtcdRecordReader(layout: self.layout)
        let many = try (0..<EtcdRecordReader.capacity + 10).map { try self.record("i\($0)", weight: $0 % 100) }
        for _ in 0..<2 {
            let contents = reader.contents(of: many)
            #expect(contents.count == many.count)
            #expect(try contents.last?.instance.get().weight == (many.count - 1) % 100)
            #expect(reader.count <= EtcdRecordReader.capacity)
        }
        #expect(reader.contents(of: [many[0]]).first?.id.text == "i0")
    }
}
