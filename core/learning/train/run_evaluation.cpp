#include "core/learning/train/job.h"

#include "core/learning/data/training_record.h"
#include "core/learning/model_file.h"
#include "core/learning/train/evaluation.h"
#include "core/learning/train/first_state.h"

namespace hilum::learning {

Result<Json> runEvaluation(const MethodRegistry& registry, const path& model, const path& cachePath, const path& out, const std::string& device, const std::string& dtype)
{
    HILUM_TRY(const ModelFile file, openModel(model));
    HILUM_TRY(const Placement placement, choosePlacement(device, dtype));
    HILUM_TRY(const ShardReader cache, ShardReader::open(cachePath));
    HILUM_TRY(const MethodEntry* const entry, registry.find(file.metadata["method"].get<std::string>()));
    if (cache.input() != entry->info.input)
        return fail(ErrorCode::Mismatch, "method {} works on {} input, the cache holds {}", entry->info.id, entry->info.input, cache.input());
    if (const Json wanted = file.metadata.value("pipeline", Json()); wanted != cache.pipeline())
        return fail(ErrorCode::Mismatch, "the cache was prepared as {}, the model needs {}", jsonLine(cache.pipeline()), jsonLine(wanted));
    HILUM_TRY(const auto method, loadMethod(registry, file));
    method->trainable().to(placement.device);
    const Json& options = file.metadata["options"];
    HILUM_TRY(const TrainOptions o, trainOptions(options));
    // the first weights of a run that began with others are not in its model
    std::unique_ptr<PretrainingMethod> untrained;
    if (!file.metadata.contains("started_from")) {
        untrained = entry->make(options, Rng(static_cast<std::uint64_t>(o.seed)).fork("weights"));
        if (beginFirstStateLike(*untrained, *method))
            untrained->trainable().to(placement.device);
        else
            untrained.reset(); // nor are text weights that it read
    }

    EvaluationSetup setup;
    setup.cache = &cache;
    setup.seed = static_cast<std::uint64_t>(o.seed);
    setup.batch = o.batch;
    setup.placement = placement;
    HILUM_TRY(const TrainingRecord record, trainingRecord(file, cache));
    std::string heldOut;
    setup.split = unseenSplit(cache.cases(), record, heldOut);
    if (setup.split.heldOut.empty())
        return fail(ErrorCode::Empty, "the model's training saw every patient of these {} images: nobody is left to evaluate on", cache.cases().size());
    HILUM_TRY(Json document, evaluateHeldOut(*method, untrained.get(), setup));
    document["held_out"] = heldOut;
    document["step"] = file.metadata.value("step", Json());
    document["weights_sha256"] = file.metadata.value("weights_sha256", Json());
    HILUM_TRY_STATUS(makeFolder(out));
    HILUM_TRY_STATUS(writeFileAtomically(out / "evaluation.json", document.dump(1) + "\n"));
    return document;
}

} // namespace hilum::learning
