#pragma once

#include "tests/learning/toy_method.h"

#include "core/learning/model_file.h"

#include "tests/support/compare.h"
#include "tests/support/training_run.h"

#include <cstring>
#include <optional>

namespace hilum::tests {

/// What a test of training runs stands on: a folder with a cache of ten patients with two pictures each, another for each test. To be derived from.
class TrainingBench {
protected:
    /// To be called by init().
    void begin()
    {
        m_folder.emplace(*TemporaryFolder::make());
        makeCache(at("cache"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
    }
    path at(const char* name) const { return m_folder->where() / name; }

    std::optional<TemporaryFolder> m_folder;
};

inline TensorMap readTensorsOf(const ModelFile& model)
{
    TensorMap out;
    for (const auto& [name, view] : model.file.tensors()) {
        at::Tensor t = at::empty(view.shape, at::kFloat);
        std::memcpy(t.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
        out[name] = t;
    }
    return out;
}

} // namespace hilum::tests
