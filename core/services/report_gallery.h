#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::services {

/// A text to compare an image with, and the name that it has in lists.
struct NamedText {
    std::string name, text;
};

/// Texts that an image is compared with at once: a model reads them together.
inline constexpr std::size_t MostTexts = 4096;

/// The texts of files: a table (.csv) has one a row, named by its column `filename`, else by table and row; rows without a text are left out. Any other file is one text of at most 1 MiB,
/// named as the file. Not for the GUI thread.
/// \param column of a table; empty: the usual ones (tableReports)
/// \return Empty for a file that holds no text, TooLarge for more than MostTexts; the errors of reading. Cancelled between files.
Result<std::vector<NamedText>> readTexts(const std::vector<path>& files, const std::string& column, const Work& work = {});

/// Candidate reports that images are compared with. Reports that differ in blanks and capital letters alone say the same, in any script. A run's evaluation is
/// less strict: it goes by what the network reads of a report, where full stops and accents may be gone and a long one is cut.
class ReportGallery {
public:
    explicit ReportGallery(std::vector<NamedText> reports);

    const std::vector<NamedText>& reports() const { return m_reports; }
    /// Of each report the row of the first one that says the same.
    const std::vector<std::int64_t>& firstRows() const { return m_firstRows; }
    /// The first row that says the same as `text`; -1 when none does.
    std::int64_t rowSaying(std::string_view text) const;
    /// The row that is named as this image, or as the end of its path ("films/a.png"); -1 when none is, or when several are that do not say the same.
    std::int64_t rowOf(const path& image) const;
    std::vector<std::string> texts() const;
    /// SHA-256 over the texts in their order, each after its length and a colon.
    const std::string& digest() const { return m_digest; }

private:
    std::vector<NamedText> m_reports;
    std::vector<std::int64_t> m_firstRows;
    std::map<std::string, std::int64_t, std::less<>> m_rows; // by what is said
    std::string m_digest;
};

} // namespace hilum::services
