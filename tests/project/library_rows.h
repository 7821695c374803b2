#pragma once

#include "core/project/library.h"

#include <fstream>

/// Rows for tests of the library.
namespace hilum::tests {

inline void touch(const path& file)
{
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "x";
}

inline project::NewSeries ct(const path& folder, const std::string& uid, const std::vector<std::string>& names)
{
    project::NewSeries s;
    s.row.kind = "volume";
    s.row.format = "dicom";
    s.row.modality = "CT";
    s.row.description = "Thorax 1.0 B70f";
    s.row.bodyPart = "CHEST";
    s.row.seriesUid = uid;
    s.row.studyUid = "1.2.3";
    s.row.patientName = "Müller^Anna";
    s.row.patientId = "P-0042";
    s.row.studyDate = "20240131";
    s.row.studyDescription = "Follow-up";
    s.row.width = s.row.height = 512;
    s.row.slices = static_cast<std::int64_t>(names.size());
    for (const auto& name : names)
        s.row.files.push_back(folder / name);
    s.row.where = folder;
    s.row.notices = Json::array({{{"code", "gantry_tilt"}, {"text", "tilted by 12 degrees"}}});
    s.row.explanation = {{"why", "positions"}};
    s.thumbnailPng = std::string("\x89PNG\0bytes", 10);
    return s;
}

inline project::NewSeries png(const path& file)
{
    project::NewSeries s;
    s.row.kind = "image";
    s.row.format = "png";
    s.row.description = file.filename().string();
    s.row.files = {file};
    s.row.where = file;
    s.row.width = 373;
    s.row.height = 361;
    s.row.slices = 1;
    return s;
}

} // namespace hilum::tests
