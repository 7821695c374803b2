#include "core/learning/data/case_image.h"

#include <ATen/ops/tensor.h>

namespace hilum::learning {

const at::Tensor& arrayOf(const TensorMap& item, const char* name)
{
    const auto it = item.find(name);
    TORCH_CHECK(it != item.end(), "the case has no array \"", name, "\"");
    return it->second;
}

at::Tensor channelNumbers(const std::vector<double>& values)
{
    return at::tensor(at::ArrayRef<double>(values), at::kFloat).reshape({-1, 1, 1});
}

at::Tensor greyOf(const at::Tensor& stored, std::int64_t size)
{
    TORCH_CHECK(stored.dim() == 3 && stored.size(1) == size && stored.size(2) == size, "image of shape ", stored.sizes(), " where [1, ", size, ", ", size, "] is expected");
    const at::Tensor values = stored.to(at::kCPU).to(at::kFloat);
    return stored.scalar_type() == at::kUInt16 ? values / 65535.0 : values;
}

at::Tensor normalisedChannels(const at::Tensor& grey, std::int64_t channels, const std::vector<double>& mean, const std::vector<double>& deviation)
{
    const at::Tensor x = grey.size(0) == channels ? grey : grey.mean(0, true).expand({channels, -1, -1});
    return ((x - channelNumbers(mean)) / channelNumbers(deviation)).contiguous();
}

} // namespace hilum::learning
