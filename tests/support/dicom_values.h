#pragma once

#include <dcmtk/dcmdata/dctk.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

/// What stands in a DICOM file, read with DCMTK itself.
namespace hilum::tests {

inline std::string bytesOf(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// All values of an element joined by backslashes; empty when it is absent.
inline std::string valueOf(const std::filesystem::path& file, const DcmTagKey& tag)
{
    DcmFileFormat format;
    OFString out;
    if (format.loadFile(file.c_str()).good() && format.getDataset()->findAndGetOFStringArray(tag, out).good())
        return out.c_str();
    return {};
}

} // namespace hilum::tests
