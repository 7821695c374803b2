#pragma once

#include "core/project/library.h"

#include <QString>

/// Words for a row of the library.
namespace hilum::widgets::series_text {

QString personName(const std::string& dicom); ///< "Family^Given^Middle" as "Family, Given Middle"
QString date(const std::string& dicom);       ///< "20240131" as "2024-01-31"; anything else as it is
QString title(const project::SeriesRow& row);
QString size(const project::SeriesRow& row);  ///< "512 x 512 x 92"
QString notes(const project::SeriesRow& row); ///< for the list: "missing", the first notice, or the kind of what is no picture
QString allNotes(const project::SeriesRow& row);
bool isPicture(const project::SeriesRow& row); ///< an image or a volume

} // namespace hilum::widgets::series_text
