#pragma once

#include "core/base/paths.h"
#include "core/learning/method.h"
#include "tests/support/make_checkpoint.h"

#include <ATen/ATen.h>

#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hilum::tests {

/// A zip checkpoint {"epoch", wrapper: state}, or the state alone where `wrapper` is empty. Tensors are float32 or int64.
/// \param rename makes published names of ours \param beside pickle operations that put further keys into the outer dictionary
inline void writeCheckpoint(const path& file, const learning::TensorMap& state, const std::string& wrapper, const std::function<std::string(std::string)>& rename = {},
                            const std::string& beside = {})
{
    PickleText p;
    p.start().op("}");
    if (!wrapper.empty())
        p.text("epoch").integer(3).op("s").op(beside).text(wrapper).op("}");
    p.op("(");
    std::vector<std::pair<std::string, std::string>> storages;
    for (const auto& [name, tensor] : state) {
        const at::Tensor flat = tensor.detach().contiguous();
        const std::string key = std::to_string(storages.size());
        p.text(rename ? rename(name) : name).tensor(flat.scalar_type() == at::kLong ? "LongStorage" : "FloatStorage", key, flat.numel(), 0, flat.sizes().vec(), flat.strides().vec());
        storages.emplace_back(key, std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()));
    }
    const std::string bytes = zipCheckpoint(p.op(wrapper.empty() ? "u." : "us.").bytes, storages);
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace hilum::tests
