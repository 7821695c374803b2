#pragma once

#include "core/learning/kernels/vector_kernels.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hilum::learning {

/// Views of tensors for core/learning/kernels: contiguous, on the CPU, float32 or bfloat16. \param first number to begin with

inline kernels::Kind kindOf(const at::Tensor& t)
{
    TORCH_INTERNAL_ASSERT(t.is_contiguous() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16));
    return t.scalar_type() == at::kFloat ? kernels::Kind::Float : kernels::Kind::Half;
}
inline kernels::ConstNumbers constNumbers(const at::Tensor& t, std::int64_t first = 0)
{
    return {static_cast<const char*>(t.const_data_ptr()) + first * t.element_size(), kindOf(t)};
}
inline kernels::Numbers numbers(const at::Tensor& t, std::int64_t first = 0)
{
    return {static_cast<char*>(t.mutable_data_ptr()) + first * t.element_size(), kindOf(t)};
}
inline const std::uint16_t* constHalves(const at::Tensor& t)
{
    TORCH_INTERNAL_ASSERT(kindOf(t) == kernels::Kind::Half);
    return static_cast<const std::uint16_t*>(t.const_data_ptr());
}
inline std::uint16_t* halves(const at::Tensor& t)
{
    TORCH_INTERNAL_ASSERT(kindOf(t) == kernels::Kind::Half);
    return static_cast<std::uint16_t*>(t.mutable_data_ptr());
}

/// The tensor as the kernels can read it: contiguous, and float32 unless it is bfloat16.
inline at::Tensor asNumbers(const at::Tensor& t)
{
    return (t.scalar_type() == at::kBFloat16 ? t : t.to(at::kFloat)).contiguous();
}

} // namespace hilum::learning
