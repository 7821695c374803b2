#include "core/base/random.h"
#include "tests/support/make_checkpoint.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace hilum;
using namespace hilum::tests;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Storages = std::vector<std::pair<std::string, std::string>>;

struct Seed {
    std::string pickle;
    Storages storages;
    bool old = false;

    std::string file() const { return old ? streamCheckpoint(pickle, storages, 4) : zipCheckpoint(pickle, storages); }
};

std::vector<Seed> seeds()
{
    std::vector<Seed> out;
    for (const bool old : {false, true}) {
        PickleText p;
        p.start().global("collections", "OrderedDict").op(")R(").text("model").op("}(").text("w").tensor("FloatStorage", "0", 12, 0, {3, 4}, {4, 1}, old).text("v").tensor("FloatStorage", "1",
            12, 1, {2, 5}, {6, 1}, old);
        p.op("u").text("args").global("argparse", "Namespace").op(")\x81}").text("lr").real(0.5).op("sb").text("list").op("](").integer(-7).op("N\x88").op("e").text("pair");
        p.op("K\x01K\x02\x86q\x05").text("again").op("h\x05").text("set").global("builtins", "set").op("](K\x01e\x85R").text("os").text("torch").text("Size").op("\x93").integers({3, 4}).op("\x85Ru.");
        out.push_back({p.bytes, {{"0", std::string(48, 'a')}, {"1", std::string(48, 'b')}}, old});
    }
    return out;
}

/// One to four changes: a byte, a bit, a piece cut out, doubled or set to 0xff.
std::string changed(std::string bytes, Rng& rng)
{
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
    return bytes;
}

void run(const std::string& bytes) { LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()); }

} // namespace

/// Runs the fuzz target without libFuzzer: over the files that are named, else over seeds with changed bytes, always the same ones. Half of the
/// changes are made to the pickle before the archive is put together, so that its checksum does not stop them at the door.
int main(int argc, char** argv)
{
    for (int i = 1; i < argc; ++i) {
        std::ifstream in(argv[i], std::ios::binary);
        run(std::string(std::istreambuf_iterator<char>(in), {}));
    }
    if (argc > 1)
        return 0;
    constexpr std::uint64_t Rounds = 30000;
    std::uint64_t runs = 0;
    for (const Seed& seed : seeds()) {
        run(seed.file());
        for (std::uint64_t round = 0; round < Rounds; ++round, ++runs) {
            Rng rng = Rng(1).fork(runs);
            if (round % 2 == 0)
                run(changed(seed.file(), rng));
            else
                run(Seed{changed(seed.pickle, rng), seed.storages, seed.old}.file());
        }
    }
    std::printf("%llu inputs\n", static_cast<unsigned long long>(runs));
    return 0;
}
