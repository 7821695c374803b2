#include "core/learning/imports/stored_tensor.h"

#include "core/learning/tensor_io.h"

#include <ATen/ops/empty.h>

#include <cstring>

namespace hilum::learning::imports {

at::Tensor toTensor(const StoredTensor& stored)
{
    std::int64_t span = 1; // elements from the first to the last
    for (std::size_t i = 0; i < stored.shape.size(); ++i) {
        if (stored.shape[i] == 0)
            span = 0;
        if (span > 0)
            span += (stored.shape[i] - 1) * stored.strides[i];
    }
    // a file may hold any byte where only 0 and 1 are truth values
    const at::ScalarType type = stored.type == ElementType::Bool ? at::kByte : scalarTypeOf(stored.type);
    // copied first: the file's bytes need not be aligned
    at::Tensor raw = at::empty({span}, type);
    const std::size_t width = byteWidth(stored.type);
    if (span > 0)
        std::memcpy(raw.mutable_data_ptr(), stored.storage.data() + static_cast<std::size_t>(stored.offset) * width, static_cast<std::size_t>(span) * width);
    const at::Tensor shaped = span > 0 ? raw.as_strided(stored.shape, stored.strides).contiguous() : at::empty(stored.shape, type);
    if (stored.type == ElementType::Bool)
        return shaped.ne(0);
    return at::isFloatingType(type) ? shaped.to(at::kFloat) : shaped;
}

TensorMap toTensors(const StateDict& state)
{
    TensorMap out;
    for (const auto& [name, stored] : state.tensors)
        out[name] = toTensor(stored);
    return out;
}

} // namespace hilum::learning::imports
