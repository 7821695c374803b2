#include "app/hilum/commands/command.h"
#include "core/project/library.h"
#include "core/services/importer.h"
#include "core/services/library_place.h"

#include <algorithm>

namespace hilum::commands {

namespace {

Json toJson(const project::SeriesRow& r)
{
    return {{"id", r.id}, {"kind", r.kind}, {"format", r.format}, {"modality", r.modality}, {"description", r.description}, {"study_date", r.studyDate},
            {"size", {r.width, r.height, r.slices}}, {"where", r.where.string()}, {"missing", r.missing}, {"notices", r.notices}};
}

} // namespace

Run declareLibrary(CLI::App& verb)
{
    verb.description("the library of studies: add, list, find, check, relink, remove");
    struct Arguments {
        std::string action = "list", folder;
        std::vector<std::string> words;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("ACTION", a->action, "add PATH..., list, find WORD..., check, relink OLD NEW, remove ID...")
        ->check(CLI::IsMember({"add", "list", "find", "check", "relink", "remove"}));
    verb.add_option("WORDS", a->words, "paths, words or ids");
    verb.add_option("--library", a->folder, "folder of the library; that of the window when left out");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        path folder = a->folder;
        if (folder.empty()) {
            HILUM_TRY(folder, services::libraryFolder());
        }
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
                    std::fputs(std::format("refused {}: {}\n", r.file.string(), r.reason).c_str(), stderr);
                print(std::format("{} series from {} files, {} refused", summary.series, summary.filesSeen, summary.refused.size()));
            }
            if (summary.series == 0)
                return fail(ErrorCode::Empty, "no images were found in {}", a->words.front());
            return {};
        }
        if (a->action == "list" || a->action == "find") {
            if (!library->readOnly())
                HILUM_TRY_STATUS(library->refreshMissing().transform([](auto) {}));
            std::string search;
            for (const std::string& word : a->words)
                search += (search.empty() ? "" : " ") + word;
            HILUM_TRY(const std::vector<project::SeriesRow> rows, library->list({.search = search, .limit = 1'000'000}));
            Json list = Json::array();
            std::string text;
            for (const project::SeriesRow& r : rows) {
                list.push_back(toJson(r));
                text += std::format("{:>6} {:<8} {:<4} {:>5} x {:<5} x {:<4} {}{}\n", r.id, r.kind, r.modality, r.width, r.height, r.slices, r.where.string(), r.missing ? "  (not there)" : "");
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
            std::int64_t missing = 0;
            if (library->readOnly()) { // as the program that writes it saw them last
                HILUM_TRY(const std::vector<project::SeriesRow> rows, library->list({.limit = 1'000'000}));
                missing = std::ranges::count(rows, true, &project::SeriesRow::missing);
            } else {
                HILUM_TRY(missing, library->refreshMissing());
            }
            HILUM_TRY(const std::int64_t count, library->count());
            if (a->json)
                print(jsonDocument(Json{{"schema", "hilum.library-check/1"}, {"sound", true}, {"series", count}, {"missing", missing}}));
            else
                print(std::format("the database is sound; {} series, {} of them not at their place", count, missing));
            return {};
        }
        if (a->action == "relink") {
            if (a->words.size() != 2)
                return fail(ErrorCode::Usage, "library relink needs the old and the new folder");
            HILUM_TRY(const std::int64_t found, library->relink(std::filesystem::absolute(a->words[0]), std::filesystem::absolute(a->words[1])));
            print(a->json ? jsonDocument(Json{{"schema", "hilum.library-relink/1"}, {"series", found}}) : std::format("{} series found again", found));
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
        print(a->json ? jsonDocument(Json{{"schema", "hilum.library-remove/1"}, {"series", ids.size()}}) : std::format("{} series forgotten; the files are untouched", ids.size()));
        return {};
    };
}

} // namespace hilum::commands
