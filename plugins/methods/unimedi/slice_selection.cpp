#include "plugins/methods/unimedi/slice_selection.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>

#include <algorithm>
#include <tuple>

namespace hilum::learning {

at::Tensor patchAttention(const std::vector<at::Tensor>& classRows)
{
    const at::NoGradGuard noGradient;
    TORCH_CHECK(!classRows.empty(), "patchAttention: no layer");
    at::Tensor sum;
    for (const at::Tensor& row : classRows) {
        const at::Tensor mean = row.detach().to(at::kFloat).mean(1).slice(1, 1); // [B, P]
        sum = sum.defined() ? sum + mean : mean;
    }
    return sum / static_cast<double>(classRows.size());
}

at::Tensor sliceScores(const at::Tensor& attention, std::int64_t slabs, std::int64_t depth)
{
    TORCH_CHECK(attention.dim() == 2 && slabs > 0 && attention.size(1) % slabs == 0, "attention ", attention.sizes(), " is none of ", slabs, " slabs");
    return attention.reshape({attention.size(0), slabs, -1}).mean(2).repeat_interleave(depth, 1);
}

at::Tensor chooseSlices(const at::Tensor& scores, std::int64_t k)
{
    TORCH_CHECK(scores.dim() == 2 && k > 0, "scores ", scores.sizes(), ", ", k, " slices");
    const at::Tensor order = std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/1, /*descending=*/true)); // stable: equal scores keep their order
    return std::get<0>(order.slice(1, 0, std::min(k, scores.size(1))).sort(1));
}

at::Tensor distillation(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& centre, double studentTemperature, double teacherTemperature)
{
    TORCH_CHECK(student.sizes() == teacher.sizes() && student.size(-1) == centre.numel(), "student ", student.sizes(), ", teacher ", teacher.sizes(), ", centre ", centre.sizes());
    const at::Tensor target = at::softmax((teacher.detach().to(at::kFloat) - centre.detach()) / teacherTemperature, -1);
    return -(target * at::log_softmax(student.to(at::kFloat) / studentTemperature, -1)).sum(-1).mean();
}

void updateCentre_(at::Tensor& centre, const at::Tensor& teacher, double momentum)
{
    const at::NoGradGuard noGradient;
    centre.mul_(momentum).add_(teacher.detach().to(at::kFloat).reshape({-1, centre.numel()}).mean(0), 1 - momentum);
}

} // namespace hilum::learning
