#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/base/log.h"
#include "core/imaging/picture_stack.h"
#include "core/imaging/read.h"


namespace hilum::commands {

namespace {

struct Arguments {
    std::vector<std::string> paths;
    bool json = false, explain = false;
    std::string as;
};

std::string numbers(const Json& list, std::string_view between)
{
    if (!list.is_array())
        return "unknown";
    std::string out;
    for (const Json& v : list)
        out += (out.empty() ? "" : std::string(between)) + v.dump();
    return out;
}

/// One item for a person.
std::string readable(const Json& e)
{
    const auto word = [&](const char* key) { return e.contains(key) && e[key].is_string() ? e[key].get<std::string>() : std::string(); };
    std::string out = hilum::format("{} {}{} ({} {}, {})\n", word("kind"), word("modality").empty() ? "" : word("modality") + " ", word("path"), e["files"].dump(),
                                    e["files"] == 1 ? "file" : "files", word("format"));
    if (e.contains("size")) {
        out += hilum::format("  size {}{}, {}, {}\n", numbers(e["size"], " x "), e["time_points"] > 1 ? hilum::format(", {} time points", e["time_points"].dump()) : "", word("scalar"), word("unit"));
        out += hilum::format("  spacing {} mm{}, {} geometry\n", numbers(e["spacing_mm"], " x "), word("spacing_meaning") == "patient" || word("spacing_meaning").empty() ? "" : " (" + word("spacing_meaning") + ")", word("geometry"));
        if (e["origin_lps"].is_array())
            out += hilum::format("  origin {} mm (LPS), axes {}\n", numbers(e["origin_lps"], ", "), numbers(e["direction"], " "));
        if (e["mean"].is_number())
            out += hilum::format("  values {} to {}, mean {:.4g}\n", e["min"].dump(), e["max"].dump(), e["mean"].get<double>());
        else
            out += "  values unknown: none is a finite number\n";
    }
    if (e.contains("labels"))
        for (const Json& l : e["labels"])
            out += hilum::format("  label {} {}: {} voxels\n", l["value"].dump(), l["name"].get<std::string>(), l["voxels"].dump());
    if (e.contains("measurements"))
        for (const Json& m : e["measurements"])
            for (const Json& v : m["values"]) {
                const std::string derived = v["derivation"].get<std::string>();
                out += hilum::format("  measured {}: {}{} {} {}\n", m["name"].get<std::string>(), v["name"].get<std::string>(), derived.empty() ? "" : ", " + derived, v["value"].dump(), v["unit"].get<std::string>());
            }
    for (const Json& w : e["warnings"])
        out += hilum::format("  {}: {}\n", w["code"].get<std::string>(), w["text"].get<std::string>());
    if (e.contains("explanation"))
        out += hilum::format("  how it was read: {}\n", e["explanation"].dump());
    return out;
}

Status run(const Arguments& a)
{
    const Work work = consoleWork();
    std::vector<path> paths(a.paths.begin(), a.paths.end());
    Json document{{"schema", "hilum.info/1"}, {"items", Json::array()}, {"refused", Json::array()}};
    std::optional<Error> first;
    const auto refused = [&](const path& where, const std::string& code, const std::string& reason, ErrorCode number) {
        document["refused"].push_back({{"path", where.string()}, {"code", code}, {"reason", reason}});
        if (!first)
            first = Error{.code = number, .message = where.string() + ": " + reason, .reason = code};
    };
    const auto refusedFor = [&](const path& where, const Error& e) {
        const std::string prefix = where.string() + ": "; // the path is given beside the reason
        refused(where, e.reason.empty() ? std::string(name(e.code)) : e.reason, e.message.starts_with(prefix) ? e.message.substr(prefix.size()) : e.message, e.code);
    };
    const auto look = [&]() -> Result<imaging::ScanResult> {
        if (a.as != "stack")
            return imaging::scan(paths, work);
        imaging::ScanResult stacks;
        for (const path& p : paths) { // one that is no stack does not hide the others
            auto item = imaging::pictureStack(p);
            if (item)
                stacks.items.push_back(*std::move(item));
            else
                refusedFor(p, item.error());
        }
        return stacks;
    };
    const auto found = look();
    if (!found && found.error().code == ErrorCode::Cancelled)
        return std::unexpected(found.error());
    if (found) {
        for (const imaging::Refusal& r : found->refused)
            refused(r.file, r.code, r.reason, r.error);
        for (const imaging::Item& item : found->items) {
            auto entry = imaging::describeItem(item, a.as == "labels", work, a.explain);
            if (!entry && entry.error().code == ErrorCode::Cancelled)
                return std::unexpected(entry.error());
            if (!entry) {
                refusedFor(item.where, entry.error());
                continue;
            }
            document["items"].push_back(std::move(*entry));
        }
    } else {
        refusedFor(paths.front(), found.error());
    }
    if (a.json) {
        print(document.dump(1, ' ', false, Json::error_handler_t::replace));
    } else {
        std::string text;
        for (const Json& e : document["items"])
            text += readable(e);
        for (const Json& r : document["refused"])
            text += hilum::format("refused {}: {}\n", r["path"].get<std::string>(), r["reason"].get<std::string>());
        print(text);
    }
    if (document["items"].empty() && first)
        return std::unexpected(std::move(*first));
    return {};
}

} // namespace

Run declareInfo(CLI::App& verb)
{
    verb.description("What is there: series, volumes, images, label maps; sizes, places, values, warnings, refused files");
    auto a = std::make_shared<Arguments>();
    verb.add_option("paths", a->paths, "files and folders")->required();
    verb.add_flag("--json", a->json, "one JSON document (schema hilum.info/1)");
    verb.add_flag("--explain", a->explain, "how each item was put together");
    verb.add_option("--as", a->as, "labels: images of whole numbers as label maps; stack: the pictures of a folder, or the pages of a TIFF file, as slices of one volume")->check(CLI::IsMember({"labels", "stack"}));
    return [a] { return run(*a); };
}

} // namespace hilum::commands
