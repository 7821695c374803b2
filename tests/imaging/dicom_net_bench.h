#pragma once

#include "core/base/format.h"
#include "core/imaging/dicom_net.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/dicom_values.h"
#include "tests/support/orthanc.h"
#include "tests/support/small_dicom.h"

#include <QString>

#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What tests of the network send, and what they find of it on the other side.
namespace hilum::tests {

inline const std::string Study = "1.2.826.0.1.3680043.10.1";

/// The bytes of the data set, behind the file header.
inline std::string dataSetOf(const path& file)
{
    const std::string all = bytesOf(file);
    if (all.size() < 144 || all.compare(128, 4, "DICM") != 0)
        return "no DICOM file";
    std::uint32_t length = 0;
    std::memcpy(&length, all.data() + 140, 4);
    return all.substr(144 + length);
}

inline std::vector<path> filesBelow(const path& folder, const char* extension = ".dcm")
{
    std::vector<path> out;
    std::error_code ec;
    if (std::filesystem::exists(folder, ec))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
            if (entry.is_regular_file() && (!*extension || entry.path().extension() == extension))
                out.push_back(entry.path());
    return out;
}

/// instance UID -> data set
inline std::map<std::string, std::string> dataSets(const path& folder)
{
    std::map<std::string, std::string> out;
    for (const path& f : filesBelow(folder))
        out[valueOf(f, DCM_SOPInstanceUID)] = dataSetOf(f);
    return out;
}

/// `count` small CT slices in three series, each with pixels of its own.
inline bool makeStudy(const path& folder, int count, const std::string& study = Study)
{
    for (int i = 0; i < count; ++i) {
        const std::string series = hilum::format("{}.{}", study, 1 + i % 3);
        const path file = folder / hilum::format("{:03}.dcm", i);
        if (!writeSmallDicom(file, {.modality = "CT", .sopClass = UID_CTImageStorage, .studyUid = study, .seriesUid = series, .instanceUid = hilum::format("{}.{}", series, i), .rows = 8 + i % 5, .columns = 8, .z = i * 1.5}))
            return false;
    }
    return true;
}

inline Json recordOf(const path& out, const std::string& study = Study)
{
    const auto text = readTextFile(out / study / "transfer.json");
    return text ? Json::parse(*text) : Json();
}

inline QString q(const path& p) { return QString::fromStdString(p.string()); }

/// A folder, another for each test. To be derived from.
class DicomNetBench {
protected:
    /// To be called by init().
    void begin()
    {
        auto made = TemporaryFolder::make();
        HILUM_VERIFY_OK(made);
        m_folder.emplace(*std::move(made));
    }
    std::optional<TemporaryFolder> m_folder;
};

} // namespace hilum::tests
