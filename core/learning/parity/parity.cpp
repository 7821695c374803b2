#include "core/learning/parity/parity.h"

#include "core/base/format.h"
#include "core/learning/imports/layouts.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/model_file.h"
#include "core/learning/tensor_io.h"
#include "core/learning/torch_guard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>

namespace hilum::learning {

namespace {

const Json& valueOf(const ParityCase& c, const std::string& key)
{
    const auto it = c.json.find(key);
    if (it == c.json.end())
        throw std::invalid_argument(hilum::format("case.json has no \"{}\"", key));
    return *it;
}

std::invalid_argument otherType(const ParityCase& c, const std::string& key, const char* what)
{
    return std::invalid_argument(hilum::format("\"{}\" of case.json is {}, where {} is expected", key, jsonLine(valueOf(c, key)), what));
}

template <class T>
T asWritten(const ParityCase& c, const std::string& key, const char* what)
{
    try {
        return valueOf(c, key).get<T>();
    } catch (const Json::exception&) {
        throw otherType(c, key, what);
    }
}

/// As asWritten, but whole: JSON's own conversion cuts 2.5 to 2.
template <class T>
T wholly(const ParityCase& c, const std::string& key, const char* what)
{
    const auto broken = [](const Json& x) { return x.is_number_float() && x.get<double>() != std::floor(x.get<double>()); };
    if (const Json& x = valueOf(c, key); broken(x) || (x.is_array() && std::ranges::any_of(x, broken)))
        throw otherType(c, key, what);
    return asWritten<T>(c, key, what);
}

constexpr double MostRounding = 3; // tolerances
constexpr double MostTimes = 2;    // the rounding of LibTorch's own operations

Json compared(const std::string& name, const at::Tensor& got, const at::Tensor& expected, double absolute, double relative)
{
    Json line = {{"name", name}, {"shape", expected.sizes().vec()}, {"passed", false}};
    if (got.sizes() != expected.sizes() && got.numel() == 1 && expected.numel() == 1)
        return compared(name, got.reshape(expected.sizes()), expected, absolute, relative);
    if (got.sizes() != expected.sizes()) {
        line["text"] = hilum::format("shape {} where {} is expected", Json(got.sizes().vec()).dump(), Json(expected.sizes().vec()).dump());
        return line;
    }
    if (expected.numel() == 0) {
        line["passed"] = true;
        return line;
    }
    const at::Tensor g = got.to(at::kDouble), e = expected.to(at::kDouble), difference = (g - e).abs(), size = e.abs();
    const at::Tensor allowed = size * relative + absolute;
    const at::Tensor within = difference.le(allowed); // NaN compares false
    line["max_abs"] = difference.max().item<double>();
    line["max_rel"] = at::where(size.gt(0), difference / size, at::zeros_like(size)).max().item<double>();
    line["worst"] = at::where(difference.eq(0), at::zeros_like(allowed), difference / allowed).max().item<double>();
    line["passed"] = within.all().item<bool>();
    std::int64_t flat = difference.argmax().item<std::int64_t>();
    std::vector<std::int64_t> at(static_cast<std::size_t>(expected.dim()));
    for (std::size_t i = at.size(); i-- > 0; flat /= expected.size(static_cast<std::int64_t>(i)))
        at[i] = flat % expected.size(static_cast<std::int64_t>(i));
    line["at"] = at;
    const auto finite = [&](const char* key) { // JSON has no NaN
        if (const double x = line[key]; !std::isfinite(x))
            line[key] = nullptr;
    };
    for (const char* key : {"max_abs", "max_rel", "worst"})
        finite(key);
    if (!line["passed"].get<bool>())
        line["text"] = hilum::format("{} of {} values are outside the tolerance", within.logical_not().sum().item<std::int64_t>(), expected.numel());
    return line;
}

/// Outputs in double; nothing when this kind does not compute in it.
TensorMap outputsInDouble(const ParityKind& kind, ParityCase c)
{
    c.wide = true;
    for (auto& [name, array] : c.arrays)
        if (array.is_floating_point())
            array = array.to(at::kDouble);
    TensorMap out;
    const Status done = torchGuard(c.folder.string(), [&]() -> Status {
        const at::NoGradGuard noGradient;
        out = kind.run(c);
        return {};
    });
    return done ? out : TensorMap{};
}

/// Outputs without this program's own kernels; nothing when there are none on this processor.
TensorMap outputsOfLibTorchAlone(const ParityKind& kind, const ParityCase& c)
{
    const kernels::InstructionSet usual = kernels::instructionSet();
    if (usual == kernels::InstructionSet::Off)
        return {};
    TensorMap out;
    kernels::limitInstructionSet(kernels::InstructionSet::Off);
    const Status done = torchGuard(c.folder.string(), [&]() -> Status {
        const at::NoGradGuard noGradient;
        out = kind.run(c);
        return {};
    });
    kernels::limitInstructionSet(usual);
    return done ? out : TensorMap{};
}

/// Takes LibTorch's own operations where this program's kernels, which sum in another order, come out beside the tolerance: networks that normalise over two or three voxels enlarge that.
void tryLibTorchAlone(Json& line, const TensorMap& plain, const at::Tensor& expected, double absolute, double relative)
{
    const auto it = plain.find(line["name"].get<std::string>());
    if (it == plain.end())
        return;
    Json again = compared(it->first, it->second, expected, absolute, relative);
    if (!again["passed"].get<bool>())
        return;
    again["text"] = "with LibTorch's own operations; with this program's kernels, which round otherwise, " + line["text"].get<std::string>();
    line = std::move(again);
}

/// Lets pass what only the rounding of float32 keeps from passing. \param plain, exact  outputs of LibTorch's own operations, and in double
void excuseRounding(Json& line, const at::Tensor& got, const TensorMap& plain, const TensorMap& exact, const at::Tensor& expected, double absolute, double relative)
{
    const std::string name = line["name"];
    const auto it = exact.find(name);
    if (it == exact.end() || !line["max_abs"].is_number())
        return;
    const Json inDouble = compared(name, it->second, expected, absolute, relative), rounding = compared(name, got, it->second, MostRounding * absolute, MostRounding * relative);
    // where a sign turns on the last digit, LibTorch's own operations come out as far away
    const auto others = plain.find(name);
    const auto largest = [&](const at::Tensor& x) { return (x.to(at::kDouble) - it->second).abs().max().item<double>(); };
    const bool asLibTorch = others != plain.end() && others->second.sizes() == got.sizes() && it->second.sizes() == got.sizes() && largest(got) <= MostTimes * largest(others->second);
    if (!inDouble["passed"].get<bool>() || !(rounding["passed"].get<bool>() || asLibTorch))
        return;
    line.update({{"passed", true}, {"rounding", true}, {"max_abs_double", inDouble["max_abs"]},
                 {"text", hilum::format("{} in float32 on this processor; in double the largest difference is {:.2e}", line["text"].get<std::string>(), inDouble["max_abs"].get<double>())}});
}

/// The file of the usual name, else the folder's only one with one of these endings.
Result<path> fileIn(const path& folder, const char* usual, std::initializer_list<std::string_view> endings)
{
    std::error_code error;
    if (std::filesystem::exists(folder / usual, error))
        return folder / usual;
    std::vector<path> found;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        if (std::ranges::contains(endings, entry->path().extension().string()))
            found.push_back(entry->path());
    if (error)
        return std::unexpected(systemError("list", folder.string(), error.value()));
    if (found.size() == 1)
        return found.front();
    std::string kinds;
    for (const std::string_view ending : endings)
        kinds += (kinds.empty() ? "" : ", ") + std::string(ending);
    if (found.empty())
        return fail(ErrorCode::NotFound, "{} holds no {} and no other file that ends with {}", folder.string(), usual, kinds);
    std::ranges::sort(found);
    std::string names;
    for (const path& file : found)
        names += (names.empty() ? "" : ", ") + file.filename().string();
    return fail(ErrorCode::Mismatch, "{} holds no {} and {} files that end with {}, where one would be taken: {}", folder.string(), usual, found.size(), kinds, names);
}

Result<ParityCase> readCase(const path& folder)
{
    ParityCase out;
    out.folder = folder;
    HILUM_TRY(const std::string text, readTextFile(folder / "case.json"));
    auto json = parseJson(text);
    if (!json)
        return std::unexpected(withContext(std::move(json).error(), (folder / "case.json").string()));
    out.json = *std::move(json);
    if (!out.json.is_object() || !out.json.contains("kind") || !out.json["kind"].is_string())
        return fail(ErrorCode::BadData, "{}: there is no \"kind\"", (folder / "case.json").string());
    HILUM_TRY(const path arrays, fileIn(folder, "case.safetensors", {".safetensors"}));
    HILUM_TRY(const TensorFile file, TensorFile::open(arrays));
    out.arrays = readTensors(file);
    return out;
}

} // namespace

const at::Tensor& ParityCase::array(const std::string& name) const
{
    const auto it = arrays.find(name);
    if (it == arrays.end())
        throw std::invalid_argument(hilum::format("the case has no array \"{}\"", name));
    return it->second;
}

std::int64_t ParityCase::integer(const std::string& key) const { return wholly<std::int64_t>(*this, key, "a whole number"); }
double ParityCase::number(const std::string& key) const { return asWritten<double>(*this, key, "a number"); }
std::vector<std::int64_t> ParityCase::integers(const std::string& key) const { return wholly<std::vector<std::int64_t>>(*this, key, "a list of whole numbers"); }
std::vector<double> ParityCase::numbers(const std::string& key) const { return asWritten<std::vector<double>>(*this, key, "a list of numbers"); }
std::vector<std::string> ParityCase::words(const std::string& key) const { return asWritten<std::vector<std::string>>(*this, key, "a list of words"); }
std::string ParityCase::word(const std::string& key) const { return asWritten<std::string>(*this, key, "a word"); }
bool ParityCase::flag(const std::string& key) const { return asWritten<bool>(*this, key, "true or false"); }

void ParityCase::need(const std::string& key, const Json& built) const
{
    if (const auto it = json.find(key); it != json.end() && *it != built)
        throw std::invalid_argument(hilum::format("\"{}\" of case.json is {}; the network is built with {} alone", key, jsonLine(*it), jsonLine(built)));
}

void ParityCase::fill(torch::nn::Module& network, std::string_view layout) const
{
    const auto row = imports::findLayout(layout);
    if (!row)
        throw std::invalid_argument(row.error().sentence());
    fill(network, **row);
}

void ParityCase::fill(torch::nn::Module& network, const imports::Layout& layout) const
{
    const auto raise = [](const Error& error) { throw std::runtime_error(error.sentence()); };
    const auto where = fileIn(folder, "checkpoint.pth", {".pth", ".pt", ".ckpt"});
    if (!where)
        raise(where.error());
    const auto file = imports::CheckpointFile::open(*where);
    if (!file)
        raise(file.error());
    const auto state = file->stateDict(layout.wrappers);
    if (!state)
        raise(state.error());
    const imports::ImportReport report = imports::fillFrom(network, imports::renamed(layout, *state));
    if (!report.missing.empty() || !report.mismatched.empty())
        raise(Error{.code = ErrorCode::Mismatch, .message = hilum::format("{} lacks {} tensors of the network and {} differ in shape", where->filename().string(), report.missing.size(), report.mismatched.size()),
            .details = imports::firstFaults(report)});
    if (wide)
        for (const auto& tensors : {network.parameters(), network.buffers()})
            for (const at::Tensor& tensor : tensors)
                if (tensor.is_floating_point())
                    tensor.set_data(tensor.detach().to(at::kDouble));
}

Result<const ParityKind*> ParityRegistry::find(std::string_view kind) const
{
    std::string known;
    for (const ParityKind& k : m_kinds) {
        if (k.kind == kind)
            return &k;
        known += (known.empty() ? "" : ", ") + k.kind;
    }
    return fail(ErrorCode::Unsupported, "parity kind \"{}\" is not known; this worker runs {}", kind, known);
}

Result<Json> runParity(const ParityRegistry& registry, const path& folder)
{
    HILUM_TRY(const ParityCase c, readCase(folder));
    const std::string kindName = c.json["kind"];
    HILUM_TRY(const ParityKind* const kind, registry.find(kindName));
    TensorMap outputs;
    double absolute = 0, relative = 0;
    const auto start = std::chrono::steady_clock::now();
    HILUM_TRY_STATUS(torchGuard(folder.string(), [&]() -> Status {
        const at::NoGradGuard noGradient;
        const auto tolerance = [&](const char* key) { return c.json.value(key, Json()).is_null() ? 0.0 : c.number(key); };
        absolute = tolerance("tolerance_abs");
        relative = tolerance("tolerance_rel");
        outputs = kind->run(c);
        return {};
    }));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Json lines = Json::array();
    bool passed = true;
    std::optional<TensorMap> plain, exact;
    for (const auto& [name, expected] : c.arrays) {
        if (std::ranges::contains(kind->inputs, name))
            continue;
        const auto it = outputs.find(name);
        lines.push_back(it == outputs.end() ? Json{{"name", name}, {"shape", expected.sizes().vec()}, {"passed", false}, {"text", "expected, but nothing computes it"}}
                                            : compared(name, it->second, expected, absolute, relative));
        const auto missed = [](const Json& line) { return !line["passed"].get<bool>() && line.contains("max_abs"); };
        if (Json& line = lines.back(); missed(line)) {
            if (!plain)
                plain = outputsOfLibTorchAlone(*kind, c);
            tryLibTorchAlone(line, *plain, expected, absolute, relative);
        }
        if (Json& line = lines.back(); missed(line)) {
            if (!exact)
                exact = outputsInDouble(*kind, c);
            excuseRounding(line, it->second, *plain, *exact, expected, absolute, relative);
        }
        passed = passed && lines.back()["passed"].get<bool>();
    }
    if (lines.empty())
        return fail(ErrorCode::Empty, "{} expects no output: there is nothing to compare", folder.string());
    const Json source = c.json.value("source", Json());
    return Json{{"schema", "hilum.parity/1"}, {"kind", kindName}, {"source", source.is_string() ? source : source.is_null() ? Json("") : Json(jsonLine(source))}, {"tolerance_abs", absolute}, {"tolerance_rel", relative}, {"passed", passed},
        {"seconds", seconds}, {"outputs", lines}};
}

} // namespace hilum::learning
