#include "core/learning/train/process_group.h"

#include "core/base/numbers.h"
#include "core/learning/torch_guard.h"

#include <torch/types.h>
#include <torch/utils.h>

#if defined(HILUM_WITH_GLOO) || defined(HILUM_WITH_NCCL)
#define HILUM_WITH_GROUPS
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif
#ifdef HILUM_WITH_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef HILUM_WITH_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <unistd.h>

namespace hilum::learning {

namespace fs = std::filesystem;

namespace {

using Environment = std::function<const char*(const char*)>;

/// One launcher's names for rank, number of processes, rank on the machine, and this start.
struct Launcher {
    const char *name, *rank, *size, *local, *run;
};
constexpr Launcher Launchers[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RUN_ID"},
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "PMIX_NAMESPACE"},
    {"mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "PMI_ID"},
    {"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_ID"},
};

const char* ownEnvironment(const char* name) { return std::getenv(name); }

} // namespace

Result<std::optional<RankPlace>> rankPlace(const Environment& environment)
{
    for (const Launcher& launcher : Launchers) {
        // a single variable may stand in any shell (srun's in an interactive allocation): the pair makes a rank
        if (!environment(launcher.rank) || !environment(launcher.size))
            continue;
        std::vector<std::string> faults;
        const auto number = [&](const char* name, std::int64_t low, std::int64_t high, std::int64_t absent) -> int {
            const char* text = environment(name);
            if (!text)
                return static_cast<int>(absent);
            const auto value = parseInteger(text);
            if (!value || *value < low || *value > high) {
                faults.push_back(hilum::format("{} = {} is outside [{}, {}]", name, text, low, high));
                return static_cast<int>(absent);
            }
            return static_cast<int>(*value);
        };
        RankPlace place;
        place.launcher = launcher.name;
        place.size = number(launcher.size, 1, 65536, 1);
        place.rank = number(launcher.rank, 0, place.size - 1, 0);
        place.localRank = number(launcher.local, 0, 1023, 0);
        if (const char* run = environment(launcher.run))
            place.run = run;
        if (const char* step = environment("SLURM_STEP_ID"); step && place.launcher == "srun")
            place.run += std::string(".") + step;
        if (!faults.empty()) {
            Error error{.code = ErrorCode::Usage, .message = hilum::format("what {} says about this process makes no sense: {}", launcher.name, faults.front())};
            faults.erase(faults.begin());
            error.details = std::move(faults);
            return std::unexpected(std::move(error));
        }
        if (place.size == 1)
            return std::nullopt;
        return place;
    }
    return std::nullopt;
}

Result<std::optional<RankPlace>> rankPlace() { return rankPlace(ownEnvironment); }

#ifdef HILUM_WITH_GROUPS

namespace {

constexpr std::chrono::seconds MeetingLimit{120}; ///< until all processes are there
constexpr std::chrono::seconds SilenceLimit{600}; ///< one step of the largest preset and a checkpoint fit into it

Result<c10::intrusive_ptr<c10d::Backend>> backendFor(const RankPlace& place, const c10::intrusive_ptr<c10d::Store>& store, at::Device device)
{
    if (device.is_cuda()) {
#ifdef HILUM_WITH_NCCL
        auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = SilenceLimit;
        return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, place.rank, place.size, options);
#else
        return fail(ErrorCode::Unsupported, "several processes on GPUs need NCCL, which this build was made without; use one process, or --device cpu");
#endif
    }
#ifdef HILUM_WITH_GLOO
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = SilenceLimit;
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    options->devices = {c10d::ProcessGroupGloo::createDeviceForInterface(interface && *interface ? interface : "lo")};
    options->threads = 2;
    return c10::make_intrusive<c10d::ProcessGroupGloo>(store, place.rank, place.size, options);
#else
    return fail(ErrorCode::Unsupported, "several processes on the CPU need Gloo, whose headers this build's LibTorch came without (the wheel's has none; Debian's needs libgloo-dev)");
#endif
}

} // namespace

struct ProcessGroup::State {
    RankPlace place;
    path meeting; ///< file of the meeting, removed by rank 0; empty with a store on the network
    at::Device device{at::kCPU};
    c10::intrusive_ptr<c10d::Backend> group;

    Status all(std::string_view doing, const std::function<c10::intrusive_ptr<c10d::Work>()>& work)
    {
        try {
            work()->wait();
            return {};
        } catch (const std::exception& e) {
            Error error = errorFromException(e);
            return fail(ErrorCode::WorkerLost, "process {} of {} lost another one while {}: {}", place.rank, place.size, doing, error.message);
        }
    }
};

Result<std::unique_ptr<ProcessGroup>> ProcessGroup::join(const RankPlace& place, const path& run, at::Device device)
{
    auto state = std::make_unique<State>();
    state->place = place;
    state->device = device;
    try {
        c10::intrusive_ptr<c10d::Store> store;
        const char *address = std::getenv("MASTER_ADDR"), *port = std::getenv("MASTER_PORT");
        if (address && port) {
            const auto number = parseInteger(port);
            if (!number || *number < 1 || *number > 65535)
                return fail(ErrorCode::Usage, "MASTER_PORT = {} is outside [1, 65535]", port);
            const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE"); // torchrun keeps the store itself
            c10d::TCPStoreOptions options;
            options.port = static_cast<std::uint16_t>(*number);
            options.isServer = place.rank == 0 && !(agent && std::string(agent) == "True");
            options.numWorkers = static_cast<std::size_t>(place.size);
            options.waitWorkers = false;
            options.timeout = MeetingLimit;
            store = c10::make_intrusive<c10d::TCPStore>(address, options);
        } else {
            // what a killed start left behind must not be met: without a name of the start the common parent tells them apart
            std::string name = ".meeting-";
            for (const char c : place.run.empty() ? std::to_string(::getppid()) : place.run)
                name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
            state->meeting = run / name;
            store = c10::make_intrusive<c10d::FileStore>(state->meeting.string(), place.size);
        }
        store->setTimeout(MeetingLimit);
        HILUM_TRY(state->group, backendFor(place, c10::make_intrusive<c10d::PrefixStore>("hilum", store), device));
    } catch (const std::exception& e) {
        return fail(ErrorCode::WorkerLost, "process {} of {} did not meet the others within {} s: {}", place.rank, place.size, MeetingLimit.count(), errorFromException(e).message);
    }
    std::unique_ptr<ProcessGroup> group(new ProcessGroup(std::move(state)));
    HILUM_TRY_STATUS(group->barrier());
    return group;
}

ProcessGroup::ProcessGroup(std::unique_ptr<State> state) : m_state(std::move(state)) {}

ProcessGroup::~ProcessGroup()
{
    std::error_code ignored;
    if (m_state->place.rank == 0 && !m_state->meeting.empty())
        fs::remove(m_state->meeting, ignored);
}

int ProcessGroup::rank() const { return m_state->place.rank; }
int ProcessGroup::size() const { return m_state->place.size; }
std::string ProcessGroup::backend() const { return m_state->group->getBackendName(); }

Status ProcessGroup::average(const std::vector<at::Tensor>& tensors)
{
    const torch::NoGradGuard noGradient;
    std::vector<at::Tensor> parts;
    for (const at::Tensor& tensor : tensors)
        if (tensor.defined())
            parts.push_back(tensor);
    if (parts.empty())
        return {};
    // one message: the time of a step is that of the slowest link, not of hundreds of answers
    std::vector<at::Tensor> flat;
    for (const at::Tensor& part : parts)
        flat.push_back(part.reshape({-1}).to(at::kFloat));
    std::vector<at::Tensor> joined{at::cat(flat)};
    HILUM_TRY_STATUS(m_state->all("averaging gradients", [&] { return m_state->group->allreduce(joined, {}); }));
    joined[0].div_(static_cast<double>(m_state->place.size));
    std::int64_t at = 0;
    for (at::Tensor& part : parts) {
        part.copy_(joined[0].narrow(0, at, part.numel()).view(part.sizes()));
        at += part.numel();
    }
    return {};
}

Status ProcessGroup::sum(std::vector<double>& values)
{
    std::vector<at::Tensor> joined{at::tensor(values, at::kDouble).to(m_state->device)};
    HILUM_TRY_STATUS(m_state->all("agreeing on a step", [&] { return m_state->group->allreduce(joined, {}); }));
    const at::Tensor out = joined[0].to(at::kCPU);
    values.assign(out.const_data_ptr<double>(), out.const_data_ptr<double>() + values.size());
    return {};
}

Status ProcessGroup::barrier()
{
    return m_state->all("waiting for it", [&] { return m_state->group->barrier({}); });
}

#else

struct ProcessGroup::State {};
ProcessGroup::ProcessGroup(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ProcessGroup::~ProcessGroup() = default;
int ProcessGroup::rank() const { return 0; }
int ProcessGroup::size() const { return 1; }
std::string ProcessGroup::backend() const { return {}; }
Status ProcessGroup::average(const std::vector<at::Tensor>&) { return {}; }
Status ProcessGroup::sum(std::vector<double>&) { return {}; }
Status ProcessGroup::barrier() { return {}; }

Result<std::unique_ptr<ProcessGroup>> ProcessGroup::join(const RankPlace& place, const path&, at::Device)
{
    return fail(ErrorCode::Unsupported, "{} started {} processes for this run, but this build's LibTorch came without the headers of Gloo and NCCL (Debian's needs libgloo-dev)", place.launcher,
        place.size);
}

#endif

} // namespace hilum::learning
