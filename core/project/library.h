#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The library of studies: one SQLite database, one writer. Files stay where they are and are linked.
namespace hilum::project {

using RowId = std::int64_t;

struct SeriesRow {
    RowId id = 0;
    RowId study = 0;
    std::string kind;         ///< as ItemKind's name
    std::string format, modality, description, bodyPart, seriesUid;
    std::string patientName, patientId, studyDate, studyDescription, studyUid; ///< for the window; never logged
    std::int64_t width = 0, height = 0, slices = 0, frames = 1;
    std::vector<path> files;  ///< absolute, in reading order; filled by `series(id)`, empty in lists
    path where;               ///< file or folder
    bool missing = false;     ///< its folder is gone or unmounted
    Json notices = Json::array(), explanation = Json::object();
    std::string thumbnailPng; ///< PNG bytes, may be empty; filled on request
    std::int64_t firstFrame = 0; ///< lowest frame of the smallest file that belongs to it: tells series of one file apart
    /// What tells its files from others of the same names. DICOM: SOP Instance UID of the smallest file, by whoever adds it; others:
    /// bytes and time of change, by the library. Empty when it is not known.
    std::string content;
    std::int64_t revision = 0;   ///< goes up whenever the row is written again
};

/// Of one person, as far as the files tell: a Study UID or Series UID alone does not. A name alone may be corrected where there is an identifier.
inline bool samePatient(const SeriesRow& a, const SeriesRow& b)
{
    return a.patientId == b.patientId && (!a.patientId.empty() || a.patientName == b.patientName);
}

struct ProblemRow {
    RowId id = 0;
    path file;
    std::string code, reason, seenUtc;
};

struct ListRequest {
    std::string search; ///< words, all must match name, id, description, modality, date (full-text index)
    std::int64_t limit = 500, offset = 0;
};

/// What an import adds in one transaction.
struct NewSeries {
    SeriesRow row;
    std::string thumbnailPng;
};

struct Storage;

/// Thread-safe. With a write-ahead log (local disks) reading never waits for writing.
class Library {
public:
    /// Opens or makes `folder`/library.sqlite. Busy when another process holds it as writer; WrongVersion when made by a newer
    /// program; works without WAL on network shares and read-only for read-only media (`readOnly()`).
    static Result<std::unique_ptr<Library>> open(const path& folder);
    /// The same on a kind of disk that the caller names.
    static Result<std::unique_ptr<Library>> open(const path& folder, const Storage& storage);
    /// To look only, beside a program that writes it; every change is refused with AccessDenied.
    static Result<std::unique_ptr<Library>> openToRead(const path& folder);
    virtual ~Library() = default;
    virtual const path& folder() const = 0;
    virtual bool readOnly() const = 0;

    /// Same series UID or same file again: updated, not doubled; what is not the same picture of the same patient gets a row of its own,
    /// and takes the place of the one whose file it overwrote. `added` receives the rows in the order of `series`.
    virtual Status addSeries(const std::vector<NewSeries>& series, std::vector<RowId>* added = nullptr) = 0;
    virtual Status addProblems(const std::vector<ProblemRow>& problems) = 0;
    virtual Status clearProblems() = 0;
    virtual Result<std::vector<SeriesRow>> list(const ListRequest& request = {}) const = 0;
    virtual Result<std::int64_t> count(const std::string& search = {}) const = 0;
    virtual Result<SeriesRow> series(RowId id) const = 0;
    /// All series under a patient identifier, exactly as written, as `list` orders them. Of different people when they share it; none for an empty one.
    virtual Result<std::vector<SeriesRow>> ofPatient(const std::string& patientId) const = 0;
    virtual Result<std::string> thumbnail(RowId id) const = 0;
    virtual Result<std::vector<ProblemRow>> problems() const = 0;
    virtual Status remove(const std::vector<RowId>& series) = 0;       ///< forgets rows; files are never touched
    /// What a look for the files of all rows found.
    struct Look {
        std::int64_t missing = 0; ///< series whose files are not there
        bool changed = false;     ///< files went or came since the last look: list() says something else now
    };
    virtual Result<Look> refreshMissing() = 0;                          ///< marks rows whose files are gone or back, for this program only when readOnly()
    /// Does what lies at the row's files look like it? To tell a moved file from another one of its name.
    using Holds = std::function<bool(const SeriesRow& row)>;
    /// Moved folders: rows below `from` whose files are gone and lie, all of them, at the same place below `to`. Returns the number of
    /// series found again. A file that was imported there already keeps that row, and the missing one goes.
    virtual Result<std::int64_t> relink(const path& from, const path& to, const Holds& holds = {}) = 0;
    virtual Status check() const = 0;                                   ///< integrity check of the database

    /// Jobs: the durable part; the run folder is the record of everything else.
    struct JobRow {
        std::string id;         ///< random, also the folder's name
        path run;
        std::string method, preset, title, state; ///< queued running cancelling cancelled done failed lost
        std::string createdUtc, message;
        std::int64_t step = 0, steps = 0;
    };
    virtual Status putJob(const JobRow& job) = 0;
    virtual Result<std::vector<JobRow>> jobs() const = 0;
    virtual Status removeJob(const std::string& id) = 0;
};

} // namespace hilum::project
