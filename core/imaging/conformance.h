#pragma once

#include <string>

namespace hilum::imaging {

/// The DICOM conformance statement as a page of Markdown, made of the tables that the code itself uses: what is read, written, spoken on the network and removed by de-identification.
/// resources/docs/user/dicom_conformance.md is this text; a test holds both together.
std::string conformanceStatement();

} // namespace hilum::imaging
