#include "core/base/random.h"
#include "tests/fuzz/seeds.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// What cannot be allocated must end in an error; a single block above the cap never succeeds. Leaks of the outside libraries are not ours to find.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1:max_allocation_size_mb=1500:detect_leaks=0:abort_on_error=1:malloc_context_size=12"; }

namespace {

using hilum::Rng;

constexpr int SecondsForOne = 100;         // of processor time: an input that takes longer hangs; what else runs on the machine does not count
constexpr long MostResidentKb = 2'000'000; // the memory cap

std::string current; // the input that runs

void keepAndDie(const char* what)
{
    const std::string name = std::string("fuzz-failure-") + std::to_string(::getpid());
    std::ofstream(name, std::ios::binary).write(current.data(), static_cast<std::streamsize>(current.size()));
    std::fprintf(stderr, "%s; the input of %zu bytes is kept in %s\n", what, current.size(), name.c_str());
}

extern "C" void onSignal(int number)
{
    keepAndDie(number == SIGPROF ? "an input takes more than 100 s of processor time" : "an input ends the program");
    std::signal(number, SIG_DFL);
    if (number == SIGPROF)
        std::abort();
    std::raise(number);
}

/// SIGPROF when the program has computed for so long from now on; 0: never.
void limitProcessorTime(int seconds)
{
    const itimerval limit{.it_interval = {}, .it_value = {.tv_sec = seconds, .tv_usec = 0}};
    ::setitimer(ITIMER_PROF, &limit, nullptr);
}

void run(std::string bytes)
{
    current = std::move(bytes);
    limitProcessorTime(SecondsForOne);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
    limitProcessorTime(0);
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    if (usage.ru_maxrss > MostResidentKb) {
        keepAndDie("an input takes more than 2 GB of memory");
        std::abort();
    }
}

/// Numbers at which readers go wrong.
void putNumber(std::string& bytes, std::size_t at, Rng& rng)
{
    static constexpr std::uint64_t Numbers[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
    const std::uint64_t value = Numbers[rng.integer(0, static_cast<std::int64_t>(std::size(Numbers)))];
    const std::size_t width = std::size_t{1} << rng.integer(0, 4);
    std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
}

std::string changed(std::string bytes, const std::vector<std::string>& all, Rng& rng)
{
    for (std::int64_t change = rng.integer(1, 6); change-- > 0 && !bytes.empty();) {
        const auto at = static_cast<std::size_t>(rng.integer(0, static_cast<std::int64_t>(bytes.size())));
        switch (rng.integer(0, 9)) {
        case 0: bytes[at] = static_cast<char>(rng.bits()); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.integer(0, 8))); break;
        case 2: bytes.erase(at, static_cast<std::size_t>(rng.integer(1, 65))); break;
        case 3: bytes.insert(at, bytes.substr(at, static_cast<std::size_t>(rng.integer(1, 65)))); break;
        case 4: putNumber(bytes, at, rng); break;
        case 5: bytes.resize(at); break;
        case 6: { // the end of another seed
            const std::string& other = all[static_cast<std::size_t>(rng.integer(0, static_cast<std::int64_t>(all.size())))];
            bytes = bytes.substr(0, at) + other.substr(std::min(at, other.size()));
            break;
        }
        case 7: // a digit of a text header
            if (const auto digit = bytes.find_first_of("0123456789", at); digit != std::string::npos)
                bytes[digit] = "0123456789-.e "[rng.integer(0, 14)];
            break;
        default: putNumber(bytes, at & ~std::size_t{1}, rng); break;
        }
    }
    return bytes;
}

} // namespace

/// Runs a fuzz target without libFuzzer: KIND SECONDS replays the seeds of a kind and changed seeds, always in the same order, until the time is over;
/// KIND --corpus FOLDER writes the seeds; further arguments instead are files to run.
int main(int argc, char** argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s KIND SECONDS | KIND --corpus FOLDER | KIND FILE...\n", argv[0]);
        return 2;
    }
    for (const int s : {SIGPROF, SIGABRT, SIGFPE})
        std::signal(s, onSignal);
    const auto all = hilum::fuzz::seeds(argv[1]);
    if (all.empty())
        return 2;
    if (std::string_view(argv[2]) == "--corpus" && argc == 4) {
        for (std::size_t n = 0; n < all.size(); ++n)
            std::ofstream(std::string(argv[3]) + "/" + argv[1] + "-" + std::to_string(n), std::ios::binary).write(all[n].data(), static_cast<std::streamsize>(all[n].size()));
        return 0;
    }
    const double seconds = std::atof(argv[2]);
    if (seconds <= 0) {
        for (int n = 2; n < argc; ++n) {
            std::ifstream in(argv[n], std::ios::binary);
            run(std::string(std::istreambuf_iterator<char>(in), {}));
        }
        return 0;
    }
    for (const std::string& seed : all)
        run(seed);
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t runs = 0;
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds) {
        Rng rng = Rng(1).fork(runs);
        run(changed(all[static_cast<std::size_t>(runs % all.size())], all, rng));
        ++runs;
    }
    std::printf("%zu seeds and %llu changed ones\n", all.size(), static_cast<unsigned long long>(runs));
    return 0;
}
