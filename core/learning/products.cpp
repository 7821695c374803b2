#include "core/learning/products.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/mm.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>

namespace hilum::learning {

namespace {

/// A tensor's form. The tensor itself is not kept: what a step of a large network multiplies does not fit into memory together.
struct Form {
    std::vector<std::int64_t> sizes, strides;
    at::ScalarType type;
    explicit Form(const at::Tensor& t) : sizes(t.sizes().vec()), strides(t.strides().vec()), type(t.scalar_type()) {}
};

struct Seen {
    std::mutex mutex;
    std::vector<std::pair<Form, Form>> operands; // guarded by mutex
};
Seen* recording = nullptr;

std::unique_ptr<at::ObserverContext> see(const at::RecordFunction& function)
{
    const std::string_view name = function.name();
    const bool biased = name == "aten::addmm" || name == "aten::baddbmm";
    if (!biased && name != "aten::mm" && name != "aten::bmm")
        return nullptr;
    const auto inputs = function.inputs();
    const std::size_t first = biased ? 1 : 0;
    if (recording && inputs.size() > first + 1 && inputs[first].isTensor() && inputs[first + 1].isTensor()) {
        const std::lock_guard lock(recording->mutex);
        recording->operands.emplace_back(Form(inputs[first].toTensor()), Form(inputs[first + 1].toTensor()));
    }
    return nullptr;
}

} // namespace

ProductRecord ProductRecord::of(const std::function<void()>& work)
{
    Seen seen;
    recording = &seen;
    const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(see).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
    work();
    at::removeCallback(handle);
    recording = nullptr;
    ProductRecord record;
    const auto operand = [](const Form& f) { return Operand{f.sizes, f.strides}; };
    for (const auto& [a, b] : seen.operands)
        ++record.m_products[{operand(a), operand(b), a.type}];
    return record;
}

double ProductRecord::operations() const
{
    double sum = 0;
    for (const auto& [product, times] : m_products) {
        double one = 2;
        for (const std::int64_t n : std::get<0>(product).sizes)
            one *= static_cast<double>(n);
        sum += one * static_cast<double>(std::get<1>(product).sizes.back()) * static_cast<double>(times);
    }
    return sum;
}

std::int64_t ProductRecord::count() const
{
    std::int64_t sum = 0;
    for (const auto& [product, times] : m_products)
        sum += times;
    return sum;
}

double ProductRecord::seconds(at::Device device) const
{
    using Clock = std::chrono::steady_clock;
    const at::NoGradGuard noGradient;
    double sum = 0;
    for (const auto& [product, times] : m_products) {
        const auto& [left, right, type] = product;
        const auto make = [&](const Operand& o) { return at::empty_strided(o.sizes, o.strides, at::TensorOptions(device).dtype(type)).fill_(0.5); };
        const at::Tensor a = make(left), b = make(right);
        double best = 1e9;
        for (int run = 0; run < 4; ++run) {
            const auto start = Clock::now();
            const at::Tensor c = a.dim() == 3 ? at::bmm(a, b) : at::mm(a, b);
            if (!device.is_cpu())
                (void)c.flatten()[0].item<float>();
            if (run > 0)
                best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
        }
        sum += best * static_cast<double>(times);
    }
    return sum;
}

} // namespace hilum::learning
