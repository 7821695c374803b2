#pragma once

#include "core/learning/method.h"

/// What the methods on pictures do with a case of the cache before their network sees it.
namespace hilum::learning {

/// An array of a case or batch by name. Throws c10::Error when there is none.
const at::Tensor& arrayOf(const TensorMap& item, const char* name);

/// One number a channel, or one for all. \return [C or 1, 1, 1] float32
at::Tensor channelNumbers(const std::vector<double>& values);

/// Stored grey values to float in [0, 1], on the CPU. \param stored [1, S, S], U16 or float \return [1, S, S]. Throws c10::Error for another shape.
at::Tensor greyOf(const at::Tensor& stored, std::int64_t size);

/// (x - mean) / deviation; one grey channel serves all channels. \param grey [C', S, S] \return [C, S, S], contiguous
at::Tensor normalisedChannels(const at::Tensor& grey, std::int64_t channels, const std::vector<double>& mean, const std::vector<double>& deviation);

} // namespace hilum::learning
