#include "app/hilum/commands/command.h"
#include "core/services/worker_program.h"

namespace hilum::commands {

namespace {

/// The first names, one a line.
std::string firstOf(const Json& list)
{
    std::string text;
    constexpr std::size_t Shown = 8;
    for (std::size_t i = 0; i < list.size() && i < Shown; ++i)
        text += "  " + list[i].get<std::string>() + "\n";
    if (list.size() > Shown)
        text += hilum::format("  and {} more\n", list.size() - Shown);
    return text;
}

/// A heading with its number, and the first names.
std::string names(const Json& report, const char* key, const char* heading)
{
    const Json list = report.value(key, Json::array());
    return hilum::format("{:<12}{}\n", heading, list.size()) + firstOf(list);
}

std::string sentences(const Json& report)
{
    std::string text = hilum::format("{}\nlicence of the weights: {}\n", report.value("title", ""), report.value("licence", ""));
    const Json loaded = report.value("loaded", Json::array());
    text += hilum::format("{:<12}{} tensors, {:.1f} % of what the network needs, {:.1f} % of its encoder\n", "loaded", loaded.size(), 100 * report.value("coverage", 0.0),
                          100 * report.value("encoder_coverage", 0.0)) + firstOf(loaded);
    text += names(report, "missing", "missing") + names(report, "mismatched", "mismatched") + names(report, "unexpected", "unexpected") + names(report, "dropped", "left out");
    if (!report.value("fresh", Json::array()).empty())
        text += names(report, "fresh", "untrained") + "  the file lacks these parts: they are at their first values\n";
    if (!report.value("adapted", Json::array()).empty())
        text += names(report, "adapted", "adapted");
    if (report.contains("merging"))
        text += hilum::format("{:<12}{}\n", "merging", report["merging"].get<std::string>());
    const Json opaque = report.value("opaque", Json::object());
    for (const auto& [what, count] : opaque.items())
        text += hilum::format("{:<12}{} ({}), left alone\n", "object", what, count.get<std::int64_t>());
    return text;
}

} // namespace

Run declareImportWeights(CLI::App& verb)
{
    verb.description("published weights (zip or older torch.save, safetensors) into a model file; nothing in them is executed");
    struct Arguments {
        std::string file, layout, out;
        double minCoverage = 0.95;
        std::vector<std::string> settings;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("FILE", a->file, "the checkpoint")->required();
    verb.add_option("--as", a->layout, "its layout; an unknown word lists them: mae, hdxray-mae, hdxray-mae-conv1, gmml, voco-ssl-head, vocomni, dae, ...")->required();
    verb.add_option("--out", a->out, "model file to write")->required();
    verb.add_option("--min-coverage", a->minCoverage, "least share of the network's tensors, and of its encoder's, that the file must fill")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    verb.add_option("--set", a->settings, "key=value: what the file does not tell (heads, merging, normalised_target) or shall be changed (channels, image_size)");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        std::vector<std::string> arguments{"import-weights", std::filesystem::absolute(a->file).string(), "--as", a->layout, "--out", std::filesystem::absolute(a->out).string(),
                                           "--min-coverage", hilum::format("{}", a->minCoverage)};
        for (const std::string& setting : a->settings) {
            arguments.push_back("--set");
            arguments.push_back(setting);
        }
        HILUM_TRY(const Json result, services::runWorker(arguments, {}, [&] { return work.cancelled(); }));
        const Json report = result.value("import", Json::object());
        print(a->json ? jsonDocument(report) : sentences(report));
        return {};
    };
}

} // namespace hilum::commands
