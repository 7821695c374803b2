#include "core/base/random.h"
#include "tests/support/make_checkpoint.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace hilum;
using namespace hilum::tests;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::string> seeds()
{
    std::vector<std::string> out;
    for (const bool old : {false, true}) {
        PickleText p;
        p.start().global("collections", "OrderedDict").op(")R(").text("model").op("}(").text("w").tensor("FloatStorage", "0", 12, 0, {3, 4}, {4, 1}, old).text("v").tensor("HalfStorage", "1",
            24, 3, {2, 5}, {7, 1}, old);
        p.op("u").text("args").global("argparse", "Namespace").op(")\x81}").text("lr").real(0.5).op("sb").text("list").op("](").integer(-7).op("N\x88").op("e").text("pair").op("K\x01K\x02\x86u.");
        const std::vector<std::pair<std::string, std::string>> storages{{"0", std::string(48, 'a')}, {"1", std::string(48, 'b')}};
        if (old) {
            // one element width a stream: the second storage is described with half as many bytes, so that it is refused late
            out.push_back(streamCheckpoint(p.bytes, storages, 4));
        } else {
            out.push_back(zipCheckpoint(p.bytes, storages));
        }
    }
    PickleText simple;
    simple.start().op("}").text("w").tensor("FloatStorage", "0", 12, 0, {12}, {1}, true).op("s.");
    out.push_back(streamCheckpoint(simple.bytes, {{"0", std::string(48, 'c')}}, 4));
    return out;
}

} // namespace

/// Runs the fuzz target without libFuzzer: files that are named, or seeds with bytes flipped, cut out, doubled and joined. Always the same ones.
int main(int argc, char** argv)
{
    for (int i = 1; i < argc; ++i) {
        std::ifstream in(argv[i], std::ios::binary);
        const std::string file(std::istreambuf_iterator<char>(in), {});
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    }
    if (argc > 1)
        return 0;
    constexpr int Rounds = 20000;
    const auto all = seeds();
    int runs = 0;
    for (const std::string& seed : all) {
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size());
        for (int round = 0; round < Rounds; ++round, ++runs) {
            Rng rng = Rng(1).fork(static_cast<std::uint64_t>(runs));
            std::string bytes = seed;
            for (std::int64_t change = rng.integer(1, 5); change-- > 0 && !bytes.empty();) {
                const auto at = static_cast<std::size_t>(rng.integer(0, static_cast<std::int64_t>(bytes.size())));
                switch (rng.integer(0, 5)) {
                case 0: bytes[at] = static_cast<char>(rng.bits()); break;
                case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.integer(0, 8))); break;
                case 2: bytes.erase(at, static_cast<std::size_t>(rng.integer(1, 9))); break;
                case 3: bytes.insert(at, bytes.substr(at, static_cast<std::size_t>(rng.integer(1, 17)))); break;
                default: bytes[at] = static_cast<char>(0xff); break;
                }
            }
            // a checksum would stop most changes at the door: it is made right again where the pickle lies whole
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        }
    }
    std::printf("%d inputs\n", runs);
    return 0;
}
