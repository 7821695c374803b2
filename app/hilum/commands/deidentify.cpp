#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/imaging/deidentify.h"


namespace hilum::commands {

namespace {

struct Arguments {
    std::string in, out, profile = "basic", dates = "remove", uids = "replace", burnedIn = "warn", key;
    bool json = false;
};

/// The secret: a file of the person's choice, or the user's own key.
Result<std::string> keyOf(const Arguments& a)
{
    if (a.key.empty())
        return userKey();
    HILUM_TRY(std::string key, readTextFile(a.key, 4096));
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' '))
        key.pop_back();
    if (key.size() < 16)
        return fail(ErrorCode::Usage, "{} holds {} characters; a key has at least 16", a.key, key.size());
    return key;
}

Status run(const Arguments& a)
{
    const Work work = consoleWork();
    imaging::DeidentifyOptions options;
    HILUM_TRY(options.key, keyOf(a));
    options.dates = a.dates == "shift" ? imaging::DateHandling::Shift : imaging::DateHandling::Remove;
    options.uids = a.uids == "keep" ? imaging::UidHandling::Keep : imaging::UidHandling::Replace;
    options.burnedIn = a.burnedIn == "skip" ? imaging::BurnedInHandling::Skip : imaging::BurnedInHandling::Warn;
    HILUM_TRY(const imaging::DeidentifyReport report, imaging::deidentify(a.in, a.out, options, work));
    if (a.json) {
        print(report.toJson(options, {}).dump(1, ' ', false, Json::error_handler_t::replace));
        return {};
    }
    for (const imaging::Refusal& r : report.refused)
        std::fputs(hilum::format("left out {}: {}\n", r.file.string(), r.reason).c_str(), stderr);
    for (const imaging::Notice& n : report.warnings)
        std::fputs(hilum::format("{}: {}\n", n.code, n.text).c_str(), stderr);
    print(hilum::format("{} files of {} patients de-identified, {} left out; {} lists the {} kinds of attributes that were changed", report.files, report.patients, report.refused.size(),
        (path(a.out) / "deidentification.json").string(), report.touched.size()));
    return {};
}

} // namespace

Run declareDeidentify(CLI::App& verb)
{
    verb.description("DICOM files without what identifies a person (PS3.15 Annex E, basic profile), with a report of every attribute that was changed");
    auto a = std::make_shared<Arguments>();
    verb.add_option("IN", a->in, "a DICOM file, or a folder with all below it")->required();
    verb.add_option("OUT", a->out, "a folder of its own; nothing in it is overwritten")->required();
    verb.add_option("--profile", a->profile, "basic")->check(CLI::IsMember({"basic"}));
    verb.add_option("--dates", a->dates, "remove, or shift: back by the same number of days for everything of a patient")->check(CLI::IsMember({"remove", "shift"}));
    verb.add_option("--uids", a->uids, "replace: by UIDs that follow from the key; keep")->check(CLI::IsMember({"replace", "keep"}));
    verb.add_option("--burned-in", a->burnedIn, "files whose pixels may show text: warn, or skip them")->check(CLI::IsMember({"warn", "skip"}));
    verb.add_option("--key", a->key, "file with the secret, 16 characters or more; the user's own key when left out");
    verb.add_flag("--json", a->json, "one JSON document (schema hilum.deidentify/1)");
    return [a] { return run(*a); };
}

} // namespace hilum::commands
