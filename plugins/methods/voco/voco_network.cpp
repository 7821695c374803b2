#include "plugins/methods/voco/voco_network.h"

#include "plugins/methods/voco/voco_losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

namespace hilum::learning {

namespace {

at::Tensor batchNorm(const at::Tensor& x)
{
    return at::batch_norm(x, {}, {}, {}, {}, /*training=*/true, /*momentum=*/0.1, /*eps=*/1e-5, /*cudnn_enabled=*/true);
}

at::Tensor overlapLoss(const at::Tensor& labels, const at::Tensor& predicted)
{
    return positionLoss(labels, predicted) + negativeLoss(labels, predicted, NegativeTerm::Logarithm);
}

} // namespace

VoCoProjector::VoCoProjector(std::int64_t in, std::int64_t width, const Rng& rng)
{
    m_layer1 = registerNested(*this, "layer1", "0", std::make_shared<Linear>(in, width, rng.fork("layer1")));
    m_layer2 = registerNested(*this, "layer2", "0", std::make_shared<Linear>(width, width, rng.fork("layer2")));
    m_layer3 = registerNested(*this, "layer3", "0", std::make_shared<Linear>(width, width, rng.fork("layer3")));
}

at::Tensor VoCoProjector::forward(const at::Tensor& x) const
{
    TORCH_CHECK(x.dim() == 2 && x.size(0) >= 2, "embeddings ", x.sizes(), ": batch statistics need at least 2");
    return m_layer3->forward(at::relu(batchNorm(m_layer2->forward(at::relu(batchNorm(m_layer1->forward(x)))))));
}

VoCoNetwork::VoCoNetwork(const VoCoSizes& sizes, const Rng& rng)
{
    const std::int64_t features = 24 * sizes.swin.featureSize;
    m_backbone = register_module("backbone", std::make_shared<SwinUnetrEncoder>(sizes.swin, rng.fork("backbone")));
    m_student = register_module("student", std::make_shared<VoCoProjector>(features, sizes.projectorWidth, rng.fork("student")));
    // drawn by itself, as published: the teacher does not begin as a copy
    m_teacher = register_module("teacher", std::make_shared<VoCoProjector>(features, sizes.projectorWidth, rng.fork("teacher")));
    for (at::Tensor& parameter : m_teacher->parameters())
        parameter.requires_grad_(false);
}

void VoCoNetwork::updateTeacher(double momentum)
{
    const at::NoGradGuard noGradient;
    const auto student = m_student->named_parameters();
    for (auto& item : m_teacher->named_parameters())
        item.value().mul_(momentum).add_(student[item.key()], 1 - momentum);
}

VoCoNetwork::StepResult VoCoNetwork::step(const StepInput& in)
{
    const std::int64_t volumes = in.labels.size(0), crops = in.labels.size(1), bases = in.labels.size(2), allCrops = in.crops.size(0);
    TORCH_CHECK(allCrops == volumes * crops && in.bases.size(0) == volumes * bases, "labels ", in.labels.sizes(), " do not fit ", allCrops, " crops and ", in.bases.size(0), " bases");
    TORCH_CHECK(in.dropout >= 0 && in.dropout < 1, "dropout ", in.dropout, " is outside [0, 1)");
    StepResult out;
    out.embeddings = m_backbone->pooled(at::cat({in.crops, in.bases}, 0));
    TORCH_CHECK(in.keep.numel() == out.embeddings.size(0), "keep has ", in.keep.numel(), " values for ", out.embeddings.size(0), " embeddings");
    const at::Tensor student = m_student->forward(out.embeddings * (in.keep / (1 - in.dropout)).unsqueeze(1));
    updateTeacher(in.momentum);
    at::Tensor teacher;
    {
        const at::NoGradGuard noGradient;
        teacher = m_teacher->forward(out.embeddings);
    }
    const auto cropsOf = [&](const at::Tensor& all, std::int64_t v) { return all.slice(0, v * crops, (v + 1) * crops); };
    const auto basesOf = [&](const at::Tensor& all, std::int64_t v) { return all.slice(0, allCrops + v * bases, allCrops + (v + 1) * bases); };
    out.intra = out.inter = out.regularisation = at::zeros({}, student.options());
    for (std::int64_t v = 0; v < volumes; ++v) {
        const std::int64_t next = (v + 1) % volumes;
        out.intra = out.intra + overlapLoss(in.labels[v], predictedOverlap(cropsOf(student, v), basesOf(teacher, v)));
        const at::Tensor said = predictedOverlap(cropsOf(teacher, v), basesOf(teacher, next));
        out.inter = out.inter + overlapLoss(said, predictedOverlap(cropsOf(student, v), basesOf(student, next)));
        out.regularisation = out.regularisation + baseRegularisation(basesOf(student, v));
    }
    const auto count = static_cast<double>(volumes);
    out.intra = out.intra / count;
    out.inter = out.inter / count;
    out.regularisation = out.regularisation / count;
    out.loss = out.intra + out.inter + out.regularisation;
    return out;
}

} // namespace hilum::learning
