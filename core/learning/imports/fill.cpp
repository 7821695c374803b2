#include "core/base/format.h"
#include "core/learning/imports/layouts.h"
#include "core/learning/imports/tensor_layout.h"
#include "core/learning/model_file.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace hilum::learning::imports {

namespace {

bool startsWithAny(std::string_view name, const std::vector<std::string_view>& starts)
{
    return std::ranges::any_of(starts, [&](std::string_view s) { return name.starts_with(s); });
}

/// \param patterns as Layout::drop has them
bool isDropped(std::string_view name, const std::vector<std::string_view>& patterns)
{
    return std::ranges::any_of(patterns, [&](std::string_view p) { return p.starts_with('*') ? name.contains(p.substr(1)) : name.starts_with(p); });
}

std::string renamedName(const Layout& layout, std::string name)
{
    for (const Rename& rename : layout.renames) {
        const bool anchored = rename.from.starts_with('^');
        const std::string_view from = anchored ? rename.from.substr(1) : rename.from;
        const auto at = anchored ? (name.starts_with(from) ? 0 : std::string::npos) : name.find(from);
        if (at != std::string::npos)
            name.replace(at, from.size(), rename.to);
    }
    return name;
}

} // namespace

RenamedState renamed(const Layout& layout, const StateDict& state)
{
    RenamedState out;
    for (const auto& [published, tensor] : state.tensors) {
        std::string name = published;
        for (const std::string_view prefix : layout.prefixes)
            if (name.starts_with(prefix))
                name.erase(0, prefix.size());
        if (!isDropped(name, layout.drop)) {
            name = renamedName(layout, std::move(name));
            if (out.tensors.emplace(name, tensor).second) {
                out.published.emplace(name, published);
                continue;
            }
        }
        out.dropped.push_back(published);
    }
    return out;
}

ImportReport::Count ImportReport::whole() const { return {loaded.size(), loaded.size() + missing.size() + mismatched.size()}; }

ImportReport::Count ImportReport::encoder() const
{
    static const std::vector<std::string_view> others{"decoder", "mask_token", "out.", "head_recons."};
    const auto count = [](const std::vector<std::string>& names) { // a mismatch begins with its name
        return static_cast<std::size_t>(std::ranges::count_if(names, [](const std::string& name) { return !startsWithAny(name, others); }));
    };
    const std::size_t filled = count(loaded);
    return {filled, filled + count(missing) + count(mismatched)};
}

ImportReport fillFrom(torch::nn::Module& module, const RenamedState& state, const Layout* layout, const TensorMap* adapted)
{
    const at::NoGradGuard noGradient;
    ImportReport report;
    report.dropped = state.dropped;
    TensorMap own = namedState(module);
    for (auto& [name, tensor] : own) {
        const auto it = state.tensors.find(name);
        const bool whole = at::isIntegralType(tensor.scalar_type(), /*includeBool=*/true);
        if (it == state.tensors.end()) {
            if (whole) // follows from the sizes
                continue;
            (layout && startsWithAny(name, layout->optional) ? report.fresh : report.missing).push_back(name);
            continue;
        }
        if (adapted && adapted->contains(name)) {
            tensor.copy_(adapted->at(name));
            report.loaded.push_back(name);
            continue;
        }
        if (it->second.shape != tensor.sizes().vec()) {
            report.mismatched.push_back(hilum::format("{}: {} in the file, {} in the network", name, shapeText(it->second.shape), shapeText(tensor.sizes())));
            continue;
        }
        const at::Tensor values = toTensor(it->second);
        if (whole) {
            if (!at::isIntegralType(values.scalar_type(), true) || !tensor.cpu().equal(values.to(tensor.scalar_type()))) {
                report.mismatched.push_back(name + ": its whole numbers differ from ours");
                continue;
            }
        } else {
            tensor.copy_(values);
        }
        report.loaded.push_back(name);
    }
    for (const auto& [name, published] : state.published)
        if (!own.contains(name))
            report.unexpected.push_back(published);
    return report;
}

std::vector<std::string> firstFaults(const ImportReport& report, std::size_t each)
{
    std::vector<std::string> out;
    const auto take = [&](const std::vector<std::string>& names, const char* what) {
        for (std::size_t i = 0; i < names.size() && i < each; ++i)
            out.push_back(hilum::format("{} {}", what, names[i]));
        if (names.size() > each)
            out.push_back(hilum::format("and {} more {}", names.size() - each, what));
    };
    take(report.missing, "missing");
    take(report.mismatched, "mismatched");
    take(report.unexpected, "unexpected");
    return out;
}

} // namespace hilum::learning::imports
