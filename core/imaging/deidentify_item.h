#pragma once

#include "core/imaging/deidentify.h"

#include <map>

class DcmItem;
class DcmElement;

namespace hilum::imaging::detail {

using TouchedTags = std::map<std::pair<std::uint32_t, char>, TouchedTag>;

/// Cleans the data sets of one patient in place; private to core/imaging.
class ItemCleaner {
public:
    /// \param patient  what tells patients apart: the Patient ID, or what stands for it
    ItemCleaner(const DeidentifyOptions& options, std::string patient, TouchedTags& touched);
    /// The whole data set with all its sequences, and the attributes that say what was done.
    void clean(DcmItem& dataset);
    const std::string& pseudonym() const { return m_pseudonym; } ///< "HILUM-" and 12 hex digits

private:
    enum class Fate { Keep, Delete };
    enum class Depth { Plain, Strict }; ///< Strict: inside a sequence that the table replaces, all text goes
    void cleanItem(DcmItem& item, Depth depth);
    Fate cleanElement(DcmItem& item, DcmElement& element, Depth depth);
    Fate byRow(DcmItem& item, DcmElement& element, const ProfileRow& row, Depth depth);
    Fate byRule(DcmItem& item, DcmElement& element, Depth depth);
    Fate replace(DcmElement& element);
    Fate empty(DcmElement& element);
    Fate remove(DcmElement& element);
    void into(DcmElement& sequence, Depth depth);
    bool shift(DcmElement& element);
    bool replaceUids(DcmElement& element);
    void collectNames(DcmItem& item);
    void cleanLeftText(DcmItem& item);
    void count(DcmElement& element, char action);
    void sign(DcmItem& dataset);

    const DeidentifyOptions& m_options;
    TouchedTags& m_touched;
    std::string m_pseudonym;
    int m_days;                          ///< dates move back by these
    std::vector<std::string> m_names;    ///< lower case; looked for in the text that is left
};

/// The UID that stands for `uid`; UIDs of the standard itself (1.2.840.10008) stay.
std::string keyedUid(std::string_view key, const std::string& uid);
/// A date (YYYYMMDD, or YYYY.MM.DD) or the beginning of a date and time, `days` earlier; empty when it is none.
std::string earlier(const std::string& date, int days);

} // namespace hilum::imaging::detail
