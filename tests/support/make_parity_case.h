#pragma once

#include "core/learning/model_file.h"
#include "core/learning/parity/parity.h"
#include "core/learning/tensor_io.h"

#include <stdexcept>
#include <string>

/// Folders as `hilum-worker parity` reads them, made of networks of our own.
namespace hilum::tests {

/// The cases that one function registers.
inline learning::ParityRegistry parityOf(void (*fill)(learning::ParityRegistry&))
{
    learning::ParityRegistry out;
    fill(out);
    return out;
}

/// case.json, the arrays and the weights (as safetensors, which a checkpoint may be) under the usual names.
inline void writeParityCase(const path& folder, const Json& json, const learning::TensorMap& arrays, const torch::nn::Module& network)
{
    const auto must = [](const Status& done) {
        if (!done)
            throw std::runtime_error(done.error().sentence());
    };
    must(makeFolder(folder));
    must(writeFileAtomically(folder / "case.json", json.dump(1)));
    must(learning::writeTensors(folder / "case.safetensors", arrays));
    must(learning::writeTensors(folder / "checkpoint.pth", learning::namedState(network)));
}

/// Names of the outputs outside of the tolerance, in their order; or the sentence that a case ended with.
inline std::string missedBy(const learning::ParityRegistry& registry, const path& folder)
{
    const auto result = learning::runParity(registry, folder);
    if (!result)
        return result.error().sentence();
    std::string out;
    for (const Json& line : result->at("outputs"))
        if (!line.at("passed").get<bool>())
            out += (out.empty() ? "" : " ") + line.at("name").get<std::string>();
    return out;
}

} // namespace hilum::tests
