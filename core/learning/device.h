#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"
#include "core/learning/nn/transformer.h" // AttentionPath

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

namespace hilum::learning {

/// "auto", "cpu" or "cuda:N" ("cuda" is cuda:0). auto: the first CUDA device, else the CPU.
/// Device when a GPU is asked for where there is none (the sentence says how many there are, and whether this LibTorch knows CUDA);
/// Usage for anything else.
Result<at::Device> parseDevice(const std::string& text);

/// What was measured once on a device; kept in the user's cache folder by processor and library version. On a CPU with one thread: a
/// team is held up by whatever else runs, and the choices do not depend on its size.
struct ComputeMeasurement {
    double float32Gflops = 0, bfloat16Gflops = 0; ///< matrix product 1024 x 1024 x 1024; of one thread on a CPU
    /// Milliseconds of attention forward and backward, [48, 197, 32] as in MAE's decoder at batch 3.
    double float32PlainMs = 0, float32FusedMs = 0, bfloat16PlainMs = 0, bfloat16FusedMs = 0;
    std::string processor, libtorch;
    bool bfloat16Pays() const { return bfloat16Gflops > 1.5 * float32Gflops; } ///< casts and norms cost something too
    AttentionPath attention(at::ScalarType type) const;
    /// Reference BLAS does about 1 GFLOP/s a core, OpenBLAS 50 and more.
    bool slowBlas() const { return float32Gflops < 4.0; }
};
Json toJson(const ComputeMeasurement& measurement);

/// Measures now (under 2 s on a usual CPU).
ComputeMeasurement measureCompute(at::Device device);
/// The kept measurement of this machine, or a new one that is then kept. A cache that cannot be written is no error.
ComputeMeasurement measuredCompute(at::Device device);

/// Where and how to compute.
struct ComputeChoice {
    at::Device device{at::kCPU};
    at::ScalarType dtype = at::kFloat; ///< kFloat, or kBFloat16: products in bfloat16 by autocast, weights float32
    AttentionPath attention = AttentionPath::Fused;
    Json measurement; ///< null when everything was asked for
};

/// Chooses device, type and attention path, and sets the path for the process. `dtype`: auto, float32 or bfloat16; `attention`: auto,
/// plain or fused. What is "auto" is decided by measuredCompute. Device as parseDevice; Usage for unknown words.
Result<ComputeChoice> chooseCompute(const std::string& device, const std::string& dtype = "auto", const std::string& attention = "auto");

/// Same numbers at every run on one device: deterministic kernels where LibTorch has them, a warning where not.
void setDeterministic(bool on);

/// What `bench`, and the `memory_bytes` of a training's metric lines, tell: peakBytes().
struct MemoryReport {
    std::uint64_t residentBytes = 0, peakResidentBytes = 0;      ///< of this process
    std::uint64_t deviceBytes = 0, peakDeviceBytes = 0;          ///< of LibTorch on a GPU; 0 on the CPU
    std::uint64_t bytes() const { return deviceBytes ? deviceBytes : residentBytes; }
    std::uint64_t peakBytes() const { return peakDeviceBytes ? peakDeviceBytes : peakResidentBytes; }
};
MemoryReport memoryReport(at::Device device = at::kCPU);

std::string processorName();  ///< "Intel(R) Xeon(R) Processor"
std::string libtorchVersion(); ///< "2.14.1"

} // namespace hilum::learning
