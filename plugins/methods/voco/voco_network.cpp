#include "plugins/methods/voco/voco_network.h"

#include "core/learning/nn/activation_checkpoints.h"
#include "plugins/methods/voco/voco_losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
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

/// teacher = momentum * teacher + (1 - momentum) * student, parameter by parameter; there are no running statistics to copy.
void follow(torch::nn::Module& teacher, const torch::nn::Module& student, double momentum)
{
    if (momentum >= 1)
        return;
    const at::NoGradGuard noGradient;
    const auto parameters = student.named_parameters();
    for (auto& item : teacher.named_parameters())
        item.value().mul_(momentum).add_(parameters[item.key()], 1 - momentum);
}

void freeze(const torch::nn::Module& module)
{
    for (at::Tensor& parameter : module.parameters())
        parameter.requires_grad_(false);
}

/// Rows of [all crops, then all bases] that belong to one volume.
struct Rows {
    std::int64_t volumes, crops, bases;
    at::Tensor cropsOf(const at::Tensor& all, std::int64_t v) const { return all.slice(0, v * crops, (v + 1) * crops); }
    at::Tensor basesOf(const at::Tensor& all, std::int64_t v) const { return all.slice(0, volumes * crops + v * bases, volumes * crops + (v + 1) * bases); }
};

Rows rowsOf(const VoCoNetwork::StepInput& in)
{
    TORCH_CHECK(in.labels.dim() == 3, "labels ", in.labels.sizes(), " are not [volumes, crops, bases]");
    const Rows rows{in.labels.size(0), in.labels.size(1), in.labels.size(2)};
    TORCH_CHECK(in.crops.size(0) == rows.volumes * rows.crops && in.bases.size(0) == rows.volumes * rows.bases, "labels ", in.labels.sizes(), " do not fit ", in.crops.size(0), " crops and ",
        in.bases.size(0), " bases");
    return rows;
}

/// Embeddings of crops. Where activations are made again, one crop after the other, so that those of a single one are there at a time: its norms do not look beyond it.
at::Tensor embeddings(const SwinUnetrEncoder& backbone, const at::Tensor& crops)
{
    if (ActivationCheckpoints::now() == ActivationCheckpoints::Keep::Everything)
        return backbone.pooled(crops);
    std::vector<at::Tensor> rows;
    for (std::int64_t i = 0; i < crops.size(0); ++i)
        rows.push_back(checkpointed(crops.slice(0, i, i + 1), [&backbone](const at::Tensor& crop) { return backbone.pooled(crop); }));
    return at::cat(rows, 0);
}

/// Starts the sums over volumes, and divides them.
void begin(VoCoNetwork::StepResult& out, const at::Tensor& like)
{
    out.intra = out.regularisation = at::zeros({}, like.options());
    out.position = out.negative = at::zeros({}, like.options());
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

VoCoV2Network::VoCoV2Network(const VoCoSizes& sizes, const Rng& rng)
{
    const std::int64_t features = 24 * sizes.swin.featureSize;
    m_backbone = register_module("backbone", std::make_shared<SwinUnetrEncoder>(sizes.swin, rng.fork("backbone")));
    m_student = register_module("student", std::make_shared<VoCoProjector>(features, sizes.projectorWidth, rng.fork("student")));
    // drawn by itself, as published: the teacher does not begin as a copy
    m_teacher = register_module("teacher", std::make_shared<VoCoProjector>(features, sizes.projectorWidth, rng.fork("teacher")));
    freeze(*m_teacher);
}

void VoCoV2Network::updateTeacher(double momentum) { follow(*m_teacher, *m_student, momentum); }

VoCoNetwork::StepResult VoCoV2Network::step(const StepInput& in)
{
    const Rows rows = rowsOf(in);
    TORCH_CHECK(in.dropout >= 0 && in.dropout < 1, "dropout ", in.dropout, " is outside [0, 1)");
    StepResult out;
    out.embeddings = embeddings(*m_backbone, at::cat({in.crops, in.bases}, 0));
    const at::Tensor keep = in.keep.dim() == 1 ? in.keep.unsqueeze(1) : in.keep;
    TORCH_CHECK(keep.size(0) == out.embeddings.size(0) && (keep.size(1) == 1 || keep.size(1) == out.embeddings.size(1)), "keep ", in.keep.sizes(), " does not fit embeddings ",
        out.embeddings.sizes());
    const at::Tensor student = m_student->forward(out.embeddings * (keep / (1 - in.dropout)));
    updateTeacher(in.momentum);
    at::Tensor teacher;
    {
        const at::NoGradGuard noGradient;
        teacher = m_teacher->forward(out.embeddings);
    }
    begin(out, student);
    out.inter = at::zeros({}, student.options());
    std::vector<at::Tensor> predicted;
    for (std::int64_t v = 0; v < rows.volumes; ++v) {
        const std::int64_t next = (v + 1) % rows.volumes;
        predicted.push_back(predictedOverlap(rows.cropsOf(student, v), rows.basesOf(teacher, v)));
        const at::Tensor position = positionLoss(in.labels[v], predicted.back()), negative = negativeLoss(in.labels[v], predicted.back(), NegativeTerm::Logarithm);
        out.intra = out.intra + (position + negative);
        out.position = out.position + position.detach();
        out.negative = out.negative + negative.detach();
        const at::Tensor said = predictedOverlap(rows.cropsOf(teacher, v), rows.basesOf(teacher, next));
        out.inter = out.inter + overlapLoss(said, predictedOverlap(rows.cropsOf(student, v), rows.basesOf(student, next)));
        out.regularisation = out.regularisation + baseRegularisation(rows.basesOf(student, v));
    }
    const auto count = static_cast<double>(rows.volumes);
    for (at::Tensor* sum : {&out.intra, &out.inter, &out.regularisation, &out.position, &out.negative})
        *sum = *sum / count;
    out.loss = out.intra + out.inter + out.regularisation;
    out.predicted = at::stack(predicted).detach();
    return out;
}

VoCoNetwork::Projections VoCoV2Network::project(const at::Tensor& crops, const at::Tensor& bases) const
{
    const at::Tensor embeddings = m_backbone->pooled(at::cat({crops, bases}, 0));
    const at::Tensor student = m_student->forward(embeddings), teacher = m_teacher->forward(embeddings);
    return {predictedOverlap(student.slice(0, 0, crops.size(0)), teacher.slice(0, crops.size(0))), student.slice(0, crops.size(0))};
}

struct VoCoV1Network::Branch : torch::nn::Module {
    Branch(const VoCoSizes& sizes, const Rng& rng)
    {
        backbone = register_module("backbone", std::make_shared<SwinUnetrEncoder>(sizes.swin, rng.fork("backbone")));
        projector = register_module("projector", std::make_shared<VoCoProjector>(24 * sizes.swin.featureSize, sizes.projectorWidth, rng.fork("projector")));
    }
    std::shared_ptr<SwinUnetrEncoder> backbone;
    std::shared_ptr<VoCoProjector> projector;
};

VoCoV1Network::VoCoV1Network(const VoCoSizes& sizes, const Rng& rng)
{
    m_student = register_module("student", std::make_shared<Branch>(sizes, rng.fork("student")));
    // drawn by itself, as in the public code
    m_teacher = register_module("teacher", std::make_shared<Branch>(sizes, rng.fork("teacher")));
    freeze(*m_teacher);
}

const SwinUnetrEncoder& VoCoV1Network::backbone() const { return *m_student->backbone; }

VoCoNetwork::StepResult VoCoV1Network::step(const StepInput& in)
{
    const Rows rows = rowsOf(in);
    StepResult out;
    const at::Tensor all = at::cat({in.crops, in.bases}, 0);
    out.embeddings = embeddings(*m_student->backbone, all);
    const at::Tensor student = m_student->projector->forward(out.embeddings);
    follow(*m_teacher, *m_student, in.momentum);
    at::Tensor teacher;
    {
        const at::NoGradGuard noGradient;
        teacher = m_teacher->projector->forward(embeddings(*m_teacher->backbone, all));
    }
    begin(out, student);
    std::vector<at::Tensor> predicted;
    for (std::int64_t v = 0; v < rows.volumes; ++v) {
        predicted.push_back((predictedOverlap(rows.cropsOf(student, v), rows.basesOf(teacher, v)) + predictedOverlap(rows.cropsOf(teacher, v), rows.basesOf(student, v))) * 0.5);
        const at::Tensor position = positionLoss(in.labels[v], predicted.back()), negative = negativeLoss(in.labels[v], predicted.back(), NegativeTerm::Square);
        out.intra = out.intra + (position + negative);
        out.position = out.position + position.detach();
        out.negative = out.negative + negative.detach();
        out.regularisation = out.regularisation + baseRegularisation(rows.basesOf(student, v));
    }
    const auto count = static_cast<double>(rows.volumes);
    for (at::Tensor* sum : {&out.intra, &out.regularisation, &out.position, &out.negative})
        *sum = *sum / count;
    out.loss = out.intra + out.regularisation;
    out.predicted = at::stack(predicted).detach();
    return out;
}

VoCoNetwork::Projections VoCoV1Network::project(const at::Tensor& crops, const at::Tensor& bases) const
{
    const at::Tensor all = at::cat({crops, bases}, 0);
    const std::int64_t n = crops.size(0);
    const at::Tensor student = m_student->projector->forward(m_student->backbone->pooled(all)), teacher = m_teacher->projector->forward(m_teacher->backbone->pooled(all));
    return {(predictedOverlap(student.slice(0, 0, n), teacher.slice(0, n)) + predictedOverlap(teacher.slice(0, 0, n), student.slice(0, n))) * 0.5, student.slice(0, n)};
}

} // namespace hilum::learning
