#include "app/worker/step_bench.h"

#include "app/worker/segment_step.h"
#include "core/base/format.h"
#include "core/learning/allocator.h"
#include "core/learning/data/loader.h"
#include "core/learning/describe.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/op_profile.h"
#include "core/learning/products.h"
#include "core/learning/train/ema.h"
#include "core/learning/train/memory_need.h"
#include "core/learning/train/network_room.h"
#include "core/learning/train/optimizer.h"
#include "core/learning/train/placement.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <numeric>
#include <optional>
#include <string>

namespace hilum::worker {

using namespace hilum::learning;

namespace {

/// Case `number` as a cache would hold it, made up: noise, and of a radiograph a region in the middle, of a volume one of two modalities; of both kinds in turn, each
/// with a report as long as the network reads, where the method takes both.
TensorMap madeUpCase(const Json& pipeline, std::int64_t number, Rng rng)
{
    if (pipeline.value("kind", "") == "mixed") {
        TensorMap item = madeUpCase(pipeline.at(number % 2 != 0 ? "volume" : "radiograph"), number, rng);
        std::string words;
        for (int n = 0; n < 600; ++n)
            words += hilum::format("{} ", static_cast<char>('a' + (n * (number + 3)) % 26));
        item["report"] = at::empty({static_cast<std::int64_t>(words.size())}, at::kByte);
        std::ranges::copy(words, item["report"].mutable_data_ptr<std::uint8_t>());
        return item;
    }
    std::vector<std::int64_t> shape{1};
    for (const Json& side : pipeline.at("size"))
        shape.push_back(side.get<std::int64_t>());
    at::Tensor image = at::empty(shape, at::kUInt16);
    auto* values = image.mutable_data_ptr<std::uint16_t>();
    for (std::int64_t i = 0; i < image.numel(); ++i)
        values[i] = static_cast<std::uint16_t>(rng.bits());
    if (pipeline.value("kind", "") == "volume")
        return {{"image", image}, {"modality_class", at::full({1}, number % 2, at::kLong)}};
    const std::int64_t h = shape[1], w = shape[2];
    at::Tensor region = at::zeros({h, w}, at::kByte);
    region.slice(0, h / 4, 3 * h / 4).slice(1, w / 8, 3 * w / 4).fill_(1);
    return {{"image", image}, {"region", region}};
}

/// Time of all threads of this process: what other programs on the machine change less than the clock on the wall.
double processorTime()
{
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Images a second that the loader delivers from a prepared cache, augmentation included, with as many threads as the options say;
/// after one pass that brings the cache into memory.
Result<double> loaderRate(const path& folder, const ViewMaker& maker, const Json& options, std::int64_t batch)
{
    HILUM_TRY(const ShardReader cache, ShardReader::open(folder));
    std::vector<std::size_t> cases(cache.cases().size());
    std::iota(cases.begin(), cases.end(), std::size_t{0});
    if (cases.empty())
        return fail(ErrorCode::Empty, "{} holds no case", folder.string());
    Loader loader(cache, maker, cases, {.batch = batch, .seed = 0, .threads = options.value("loader_threads", std::int64_t{1}), .prefetch = options.value("prefetch", std::int64_t{4}), .pinned = false}, 0);
    const auto batches = static_cast<std::int64_t>(cases.size()) / batch + 1;
    for (std::int64_t i = 0; i < batches; ++i) {
        HILUM_TRY([[maybe_unused]] const TensorMap views, loader.next());
    }
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < batches; ++i) {
        HILUM_TRY([[maybe_unused]] const TensorMap views, loader.next());
    }
    return static_cast<double>(batches * batch) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void wait(const at::Tensor& loss)
{
    (void)loss.item<double>();
}

} // namespace

Result<Json> benchSteps(const MethodRegistry& registry, const BenchRequest& request, const ComputeChoice& compute)
{
    const MethodEntry segment = segmentStep();
    const MethodEntry* entry = &segment;
    if (request.method != segment.info.id) {
        HILUM_TRY(entry, registry.find(request.method));
    }
    HILUM_TRY(const Json options, completeOptions(*entry, request.preset, request.options));
    if (entry->info.input != "radiograph" && entry->info.input != "volume" && entry->info.input != "mixed")
        return fail(ErrorCode::Unsupported, "no made-up input for method {} ({}) yet", request.method, entry->info.input);
    HILUM_TRY_STATUS(checkTrainingRoom(*entry, options));
    const auto method = entry->make(options, Rng(0).fork("initialisation"));
    const MemoryNeed need = memoryNeed(method->trainable(), options);
    HILUM_TRY_STATUS(checkMemory(need, compute.device, compute.device.is_cpu() ? need.weights : 0));
    method->trainable().to(compute.device);
    method->trainable().train();
    const std::int64_t batch = request.batch > 0 ? request.batch : options.value("batch", std::int64_t{1});

    const auto maker = method->viewMaker();
    std::vector<TensorMap> cases;
    for (std::int64_t b = 0; b < batch; ++b)
        cases.push_back(maker->makePlainView(madeUpCase(method->inputPipeline(), b, Rng(1).fork(static_cast<std::uint64_t>(b)))));
    const TensorMap views = toDevice(stackViews(cases), compute.device);
    Placement placement;
    placement.device = compute.device;
    placement.dtype = compute.dtype;
    AdamW optimizer(method->trainable(), options.value("beta1", 0.9), options.value("beta2", 0.95), options.value("epsilon", 1e-8),
        options.value("amsgrad", false) ? AdamW::AmsGrad::On : AdamW::AmsGrad::Off);
    const double averaged = options.value("ema_decay", 0.0);
    std::optional<MovingAverage> average;
    if (averaged > 0)
        average.emplace(method->trainable());
    const double clip = options.value("clip_norm", 0.0), rate = request.rate, decay = options.value("weight_decay", 0.05);
    const ClipKind clipKind = options.value("clip_kind", "") == "per-tensor" ? ClipKind::PerTensor : ClipKind::Global;

    std::uint64_t forwardBytes = 0; // held when the gradient begins
    const auto gradients = [&](std::int64_t step) {
        StepOutput out;
        {
            const PrecisionScope precision(placement);
            const ActivationCheckpoints recompute(options.value("activation_checkpointing", false) ? ActivationCheckpoints::Keep::InputsAlone : ActivationCheckpoints::Keep::Everything);
            out = method->step(views, Rng(2).fork(static_cast<std::uint64_t>(step)));
        }
        forwardBytes = std::max<std::uint64_t>(forwardBytes, compute.device.is_cpu() ? allocatedBytes() : memoryReport(compute.device).deviceBytes);
        out.loss.backward();
        return out.loss;
    };
    const auto wholeStep = [&](std::int64_t step) {
        const at::Tensor loss = gradients(step);
        if (clip > 0)
            optimizer.clipGradients(clip, clipKind);
        optimizer.step(rate, decay);
        if (average)
            average->update(method->trainable(), averaged);
        optimizer.zeroGradients();
        return loss.item<double>();
    };
    std::vector<double> seconds, processorSeconds, losses;
    for (std::int64_t step = 0; step < request.steps + request.warmup; ++step) {
        const auto start = std::chrono::steady_clock::now();
        const double before = processorTime();
        losses.push_back(wholeStep(step));
        const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (step >= request.warmup || took >= request.enough) {
            seconds.push_back(took);
            processorSeconds.push_back(processorTime() - before);
        }
        if (took >= request.enough)
            break;
    }
    const MemoryReport memory = memoryReport(compute.device);
    std::uint64_t viewBytes = 0; // of a batch that the loader makes
    for (const auto& [name, view] : views)
        viewBytes += static_cast<std::uint64_t>(view.nbytes());
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    const double median = sorted[sorted.size() / 2];
    Json out = {{"schema", "hilum.bench/1"}, {"method", request.method}, {"preset", request.preset}, {"batch", batch}, {"device", compute.device.str()},
        {"dtype", placement.dtypeName()}, {"attention", std::string(name(compute.attention))}, {"threads", at::get_num_threads()},
        {"images_per_s", static_cast<double>(batch) / median}, {"best_images_per_s", static_cast<double>(batch) / sorted.front()}, {"seconds_all", seconds},
        {"processor_seconds_all", processorSeconds}, {"kernels", std::string(kernels::name(compute.device.is_cpu() ? kernels::instructionSet() : kernels::InstructionSet::Off))},
        {"memory_bytes", memory.peakBytes()}, {"view_bytes", viewBytes}, {"forward_bytes", forwardBytes}, {"parameters", optimizer.parameterCount()}, {"first_loss", losses.front()}, {"last_loss", losses.back()}, {"losses", losses},
        {"libtorch", libtorchVersion()}, {"processor", processorName()}, {"allocator", allocatorName()}, {"measurement", compute.measurement}};
    if (!request.cache.empty()) {
        HILUM_TRY(out["loader_images_per_s"], loaderRate(request.cache, *maker, options, batch));
    }
    if (request.profile) {
        Json table = Json::array();
        for (const OpTime& op : profileOperations([&] { (void)wholeStep(request.steps + request.warmup); }))
            table.push_back({{"operation", op.name}, {"calls", op.calls}, {"seconds", op.seconds}, {"processor_seconds", op.cpuSeconds}});
        out["profile"] = std::move(table);
    }
    if (request.products) {
        // LibTorch makes the products that are counted: ours are the same ones
        const kernels::InstructionSet used = kernels::instructionSet();
        kernels::limitInstructionSet(kernels::InstructionSet::Off);
        const ProductRecord record = ProductRecord::of([&] { wait(gradients(0)); });
        kernels::limitInstructionSet(used);
        optimizer.zeroGradients();
        out["products_images_per_s"] = static_cast<double>(batch) / record.seconds(compute.device);
        out["products_gflop"] = record.operations() * 1e-9;
    }
    return out;
}

} // namespace hilum::worker
