#include "core/learning/device.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/numbers.h"
#include "core/base/paths.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace hilum::learning {

namespace {

void finish(const at::Tensor& x) // waits for a GPU
{
    if (!x.device().is_cpu())
        (void)x.reshape({-1})[0].item<float>();
}

/// Best of a few runs in seconds, after one to warm up; stops when 0.25 s are spent.
template <class Work>
double bestSeconds(Work work)
{
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    double best = 1e9;
    for (int run = 0; run < 12; ++run) {
        const auto start = Clock::now();
        work();
        const auto end = Clock::now();
        const double seconds = std::chrono::duration<double>(end - start).count();
        if (run > 0 || seconds > 0.25)
            best = std::min(best, seconds);
        if (std::chrono::duration<double>(end - begin).count() > 0.25)
            break;
    }
    return best;
}

double gflops(at::Device device, at::ScalarType type)
{
    const auto measure = [&](std::int64_t n) {
        const at::Tensor a = at::ones({n, n}, at::TensorOptions(device).dtype(type)), b = a * 0.5;
        const double seconds = bestSeconds([&] { finish(at::mm(a, b)); });
        return 2.0 * static_cast<double>(n * n * n) / seconds * 1e-9;
    };
    const double small = measure(256);
    return small < 4 ? small : measure(1024); // a reference BLAS would take seconds
}

double attentionMilliseconds(at::Device device, at::ScalarType type, AttentionPath path)
{
    const at::Tensor start = at::ones({3, 16, 197, 32}, at::TensorOptions(device).dtype(type));
    const at::AutoGradMode withGradient(true);
    return 1e3 * bestSeconds([&] {
        std::array<at::Tensor, 3> x;
        for (at::Tensor& t : x)
            t = (start * 0.1).requires_grad_(true);
        const at::Tensor out = path == AttentionPath::Fused
                                   ? at::scaled_dot_product_attention(x[0], x[1], x[2])
                                   : at::matmul(at::softmax(at::matmul(x[0] * (1 / std::sqrt(32.0)), x[1].transpose(-2, -1)), -1), x[2]);
        out.sum().backward();
        finish(x[0].grad());
    });
}

/// One compute thread on a CPU for its scope.
class OneThread {
public:
    explicit OneThread(at::Device device) : m_before(at::get_num_threads())
    {
        if (device.is_cpu())
            at::set_num_threads(1);
    }
    ~OneThread() { at::set_num_threads(m_before); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

private:
    int m_before;
};

std::string firstValue(const char* file, std::string_view key)
{
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(key))
            if (const auto at = line.find(':'); at != std::string::npos)
                return line.substr(line.find_first_not_of(" \t", at + 1));
    return {};
}

std::uint64_t statusKilobytes(std::string_view key)
{
    const std::string value = firstValue("/proc/self/status", key);
    return std::strtoull(value.c_str(), nullptr, 10) * 1024;
}

path measurementFile(at::Device device)
{
    const auto folder = cacheFolder();
    if (!folder)
        return {};
    // the processor's flags tell virtual machines of one name apart
    const std::string key = hilum::format("3|{}|{}|{}|{}", processorName(), firstValue("/proc/cpuinfo", "flags"), libtorchVersion(), device.str());
    return *folder / "measurements" / hilum::format("compute-{}.json", sha256Hex(key).substr(0, 16));
}

} // namespace

Result<at::Device> parseDevice(const std::string& text)
{
    const std::int64_t count = at::globalContext().hasCUDA() ? static_cast<std::int64_t>(at::getNumGPUs()) : 0;
    if (text == "cpu")
        return at::Device(at::kCPU);
    if (text == "auto" || text.empty())
        return count > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
    if (text.starts_with("cuda") && (text.size() == 4 || text[4] == ':')) {
        std::int64_t index = 0;
        if (text.size() > 4) {
            const auto number = parseInteger(text.substr(5));
            if (!number || *number < 0)
                return fail(ErrorCode::Usage, "device {} is none of auto, cpu, cuda:N", text);
            index = *number;
        }
        if (!at::globalContext().hasCUDA() && count == 0)
            return fail(ErrorCode::Device, "{} is asked for, but there is no usable NVIDIA GPU here (LibTorch {}{})", text, libtorchVersion(),
#ifdef HILUM_WITH_CUDA
                " with CUDA"
#else
                " without CUDA; build with ./run --cuda for a GPU"
#endif
            );
        if (index >= count)
            return fail(ErrorCode::Device, "{} is asked for, but there {} {} GPU{} here, numbered from 0", text, count == 1 ? "is" : "are", count, count == 1 ? "" : "s");
        return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
    }
    return fail(ErrorCode::Usage, "device {} is none of auto, cpu, cuda:N", text);
}

AttentionPath ComputeMeasurement::attention(at::ScalarType type) const
{
    const bool plain = type == at::kFloat ? float32PlainMs < float32FusedMs : bfloat16PlainMs < bfloat16FusedMs;
    return plain ? AttentionPath::Plain : AttentionPath::Fused;
}

Json toJson(const ComputeMeasurement& m)
{
    return {{"processor", m.processor}, {"libtorch", m.libtorch}, {"float32_gflops", m.float32Gflops}, {"bfloat16_gflops", m.bfloat16Gflops},
        {"float32_plain_ms", m.float32PlainMs}, {"float32_fused_ms", m.float32FusedMs}, {"bfloat16_plain_ms", m.bfloat16PlainMs},
        {"bfloat16_fused_ms", m.bfloat16FusedMs}};
}

ComputeMeasurement measureCompute(at::Device device)
{
    ComputeMeasurement m;
    m.processor = processorName();
    m.libtorch = libtorchVersion();
    const OneThread alone(device);
    m.float32Gflops = gflops(device, at::kFloat);
    m.bfloat16Gflops = gflops(device, at::kBFloat16);
    m.float32PlainMs = attentionMilliseconds(device, at::kFloat, AttentionPath::Plain);
    m.float32FusedMs = attentionMilliseconds(device, at::kFloat, AttentionPath::Fused);
    m.bfloat16PlainMs = attentionMilliseconds(device, at::kBFloat16, AttentionPath::Plain);
    m.bfloat16FusedMs = attentionMilliseconds(device, at::kBFloat16, AttentionPath::Fused);
    return m;
}

ComputeMeasurement measuredCompute(at::Device device)
{
    const path file = measurementFile(device);
    if (!file.empty())
        if (const auto text = readTextFile(file))
            if (const auto json = parseJson(*text); json && json->is_object()) {
                const auto number = [&](const char* key) { return json->contains(key) && (*json)[key].is_number() ? (*json)[key].get<double>() : 0.0; };
                ComputeMeasurement m{number("float32_gflops"), number("bfloat16_gflops"), number("float32_plain_ms"), number("float32_fused_ms"),
                    number("bfloat16_plain_ms"), number("bfloat16_fused_ms"), processorName(), libtorchVersion()};
                if (m.float32Gflops > 0 && m.bfloat16Gflops > 0 && m.float32PlainMs > 0 && m.bfloat16FusedMs > 0)
                    return m;
            }
    const ComputeMeasurement measured = measureCompute(device);
    if (!file.empty() && makeFolder(file.parent_path()))
        (void)writeFileAtomically(file, toJson(measured).dump(1)); // measured again next time where it cannot be kept
    return measured;
}

Result<ComputeChoice> chooseCompute(const std::string& device, const std::string& dtype, const std::string& attention)
{
    ComputeChoice choice;
    HILUM_TRY(choice.device, parseDevice(device));
    if (dtype != "auto" && dtype != "float32" && dtype != "bfloat16")
        return fail(ErrorCode::Usage, "dtype {} is none of auto, float32, bfloat16", dtype);
    if (attention != "auto" && attention != "plain" && attention != "fused")
        return fail(ErrorCode::Usage, "attention {} is none of auto, plain, fused", attention);
    ComputeMeasurement measured;
    if (dtype == "auto" || attention == "auto") {
        measured = measuredCompute(choice.device);
        choice.measurement = toJson(measured);
    }
    const bool half = dtype == "bfloat16" || (dtype == "auto" && measured.bfloat16Pays());
    choice.dtype = half ? at::kBFloat16 : at::kFloat;
    choice.attention = attention == "auto" ? measured.attention(choice.dtype) : attention == "plain" ? AttentionPath::Plain : AttentionPath::Fused;
    setAttentionPath(choice.device.type(), choice.dtype, choice.attention);
    return choice;
}

void setDeterministic(bool on)
{
    at::globalContext().setDeterministicAlgorithms(on, /*warn_only=*/true);
    at::globalContext().setDeterministicCuDNN(on);
    at::globalContext().setBenchmarkCuDNN(!on);
}

MemoryReport memoryReport(at::Device device)
{
    MemoryReport report;
    report.residentBytes = statusKilobytes("VmRSS");
    report.peakResidentBytes = statusKilobytes("VmHWM");
    if (!device.is_cpu() && at::globalContext().hasCUDA()) {
        const auto stats = at::getDeviceAllocator(device.type())->getDeviceStats(device.has_index() ? device.index() : c10::DeviceIndex(0));
        const auto& allocated = stats.allocated_bytes[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
        report.deviceBytes = static_cast<std::uint64_t>(allocated.current);
        report.peakDeviceBytes = static_cast<std::uint64_t>(allocated.peak);
    }
    return report;
}

std::string processorName()
{
    const std::string name = firstValue("/proc/cpuinfo", "model name");
    return name.empty() ? "unknown processor" : name;
}

std::string libtorchVersion()
{
    return hilum::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

} // namespace hilum::learning
