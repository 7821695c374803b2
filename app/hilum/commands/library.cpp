#include "app/hilum/commands/command.h"
#include "core/imaging/zip_archive.h"
#include "core/project/library.h"
#include "core/project/rebuild.h"
#include "core/services/importer.h"
#include "core/services/library_place.h"
#include "core/services/series_match.h"


namespace hilum::commands {

namespace {

Json toJson(const project::SeriesRow& r)
{
    return {{"id", r.id}, {"kind", r.kind}, {"format", r.format}, {"modality", r.modality}, {"description", r.description}, {"study_date", r.studyDate},
            {"size", {r.width, r.height, r.slices}}, {"where", r.where.string()}, {"missing", r.missing}, {"notices", r.notices}};
}

/// Sets the database aside and adds again what it named and is still there.
Status rebuild(const path& folder, bool json, const Work& work)
{
    HILUM_TRY(const project::Rebuilt made, project::rebuildLibrary(folder));
    // a person must know where the old one is whatever comes now
    std::fputs(hilum::format("the old database is now {}\n", made.old.string()).c_str(), stderr);
    std::vector<path> there;
    std::error_code unreachable;
    for (const path& file : made.files)
        if (std::filesystem::exists(imaging::realFile(file), unreachable))
            there.push_back(file);
    std::int64_t series = 0;
    if (!there.empty()) {
        HILUM_TRY(const services::ImportSummary summary, services::importPaths(*made.library, there, work));
        series = summary.series;
    }
    const std::size_t gone = made.files.size() - there.size();
    if (json)
        print(jsonDocument(Json{{"schema", "hilum.library-rebuild/1"}, {"old", made.old.string()}, {"whole", made.whole}, {"series", series}, {"files", there.size()}, {"files_gone", gone}, {"jobs", made.jobs}}));
    else
        print(hilum::format("{} series of {} files and {} jobs are in the new library; {} files were not at their place{}", series, there.size(), made.jobs, gone,
                            made.whole ? "" : "; parts of the old database could not be read: add the folders again that are missing"));
    return {};
}

} // namespace

Run declareLibrary(CLI::App& verb)
{
    verb.description("the library of studies: add, list, find, check, relink, remove, rebuild");
    struct Arguments {
        std::string action = "list", folder;
        std::vector<std::string> words;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("ACTION", a->action, "add PATH..., list, find WORD..., check, relink OLD NEW, remove ID..., rebuild")
        ->check(CLI::IsMember({"add", "list", "find", "check", "relink", "remove", "rebuild"}));
    verb.add_option("WORDS", a->words, "paths, words or ids");
    verb.add_option("--library", a->folder, "folder of the library; that of the window when left out");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        path folder = a->folder;
        if (folder.empty()) {
            HILUM_TRY(folder, services::libraryFolder());
        }
        if (a->action == "rebuild")
            return rebuild(folder, a->json, work);
        auto opened = project::Library::open(folder);
        // while the window writes it: what only looks reads beside it
        if (!opened && opened.error().code == ErrorCode::Busy && (a->action == "list" || a->action == "find" || a->action == "check"))
            opened = project::Library::openToRead(folder);
        HILUM_TRY(const std::unique_ptr<project::Library> library, std::move(opened));
        if (a->action == "add") {
            if (a->words.empty())
                return fail(ErrorCode::Usage, "library add needs files or folders");
            std::vector<path> paths;
            for (const std::string& word : a->words)
                paths.push_back(std::filesystem::absolute(word));
            HILUM_TRY(const services::ImportSummary summary, services::importPaths(*library, paths, work));
            if (a->json) {
                Json refused = Json::array();
                for (const imaging::Refusal& r : summary.refused)
                    refused.push_back({{"path", r.file.string()}, {"code", r.code}, {"reason", r.reason}});
                print(jsonDocument(Json{{"schema", "hilum.import/1"}, {"series", summary.series}, {"images", summary.images}, {"files", summary.filesSeen}, {"refused", refused}}));
            } else {
                for (const imaging::Refusal& r : summary.refused)
                    std::fputs(hilum::format("refused {}: {}\n", r.file.string(), r.reason).c_str(), stderr);
                print(hilum::format("{} series from {} files, {} refused", summary.series, summary.filesSeen, summary.refused.size()));
            }
            if (summary.series == 0)
                return fail(ErrorCode::Empty, "no images were found in {}", a->words.front());
            return {};
        }
        if (a->action == "list" || a->action == "find") {
            HILUM_TRY_STATUS(library->refreshMissing().transform([](auto) {}));
            std::string search;
            for (const std::string& word : a->words)
                search += (search.empty() ? "" : " ") + word;
            HILUM_TRY(const std::vector<project::SeriesRow> rows, library->list({.search = search, .limit = 1'000'000}));
            Json list = Json::array();
            std::string text;
            for (const project::SeriesRow& r : rows) {
                list.push_back(toJson(r));
                text += hilum::format("{:>6} {:<8} {:<4} {:>5} x {:<5} x {:<4} {}{}\n", r.id, r.kind, r.modality, r.width, r.height, r.slices, r.where.string(), r.missing ? "  (not there)" : "");
            }
            print(a->json ? jsonDocument(Json{{"schema", "hilum.library/1"}, {"series", list}}) : text.empty() ? "nothing found" : text);
            return {};
        }
        if (a->action == "check") {
            if (const Status sound = library->check(); !sound) {
                if (a->json && sound.error().code == ErrorCode::CheckFailed)
                    print(jsonDocument(Json{{"schema", "hilum.library-check/1"}, {"sound", false}, {"faults", sound.error().details}}));
                return sound;
            }
            HILUM_TRY(const project::Library::Look look, library->refreshMissing());
            HILUM_TRY(const std::int64_t count, library->count());
            if (a->json)
                print(jsonDocument(Json{{"schema", "hilum.library-check/1"}, {"sound", true}, {"series", count}, {"missing", look.missing}}));
            else
                print(hilum::format("the database is sound; {} series, {} of them not at their place", count, look.missing));
            return {};
        }
        if (a->action == "relink") {
            if (a->words.size() != 2)
                return fail(ErrorCode::Usage, "library relink needs the old and the new folder");
            HILUM_TRY(const std::int64_t found, library->relink(std::filesystem::absolute(a->words[0]), std::filesystem::absolute(a->words[1]), services::holdsSeries));
            print(a->json ? jsonDocument(Json{{"schema", "hilum.library-relink/1"}, {"series", found}}) : hilum::format("{} series found again", found));
            return {};
        }
        std::vector<project::RowId> ids;
        for (const std::string& word : a->words) {
            std::int64_t id = 0;
            if (!CLI::detail::lexical_cast(word, id))
                return fail(ErrorCode::Usage, "\"{}\" is no id of a series", word);
            ids.push_back(id);
        }
        HILUM_TRY_STATUS(library->remove(ids));
        print(a->json ? jsonDocument(Json{{"schema", "hilum.library-remove/1"}, {"series", ids.size()}}) : hilum::format("{} series forgotten; the files are untouched", ids.size()));
        return {};
    };
}

} // namespace hilum::commands
