#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hilum::learning {

/// Where this process stands among those that a launcher started for one run.
struct RankPlace {
    int rank = 0;      ///< 0 keeps the record: events, checkpoints, evaluation
    int size = 1;      ///< processes of the run
    int localRank = 0; ///< on this machine: which GPU
    std::string launcher; ///< "torchrun", "mpirun", "srun"
    std::string run;   ///< names this start of the launcher, so that an earlier one's leftovers are not met; may be empty
};

/// Reads what torchrun, mpirun (Open MPI, PMI) or srun put into the environment.
/// \param environment looks a variable up; null where it is not set
/// \return nothing for a process that runs alone; Usage when the values make no sense, all faults at once
Result<std::optional<RankPlace>> rankPlace(const std::function<const char*(const char*)>& environment);
Result<std::optional<RankPlace>> rankPlace(); ///< of this process

/// The processes of one data-parallel run (c10d). All of them make the same calls in the same order.
///
/// They meet at MASTER_ADDR and MASTER_PORT where both are set, else through a file in the run folder, which all of them must see. Gloo listens on
/// the loopback interface unless GLOO_SOCKET_IFNAME names another: nothing leaves the machine unasked.
/// Every call answers WorkerLost when a process is gone or silent for longer than the time limit; the group is of no use then.
class ProcessGroup {
public:
    /// Unsupported when this build has no backend for the device, and says why.
    static Result<std::unique_ptr<ProcessGroup>> join(const RankPlace& place, const path& run, at::Device device);
    ~ProcessGroup();
    ProcessGroup(const ProcessGroup&) = delete;
    ProcessGroup& operator=(const ProcessGroup&) = delete;

    int rank() const;
    int size() const;
    std::string backend() const; ///< "gloo", "nccl"

    /// Each tensor becomes the mean over the processes, in place. Same shapes everywhere; undefined tensors are left out, everywhere the same ones.
    Status average(const std::vector<at::Tensor>& tensors);
    /// Element-wise sum over the processes, in place.
    Status sum(std::vector<double>& values);
    /// Waits until all processes are here.
    Status barrier();

private:
    struct State;
    explicit ProcessGroup(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

} // namespace hilum::learning
