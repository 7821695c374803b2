#pragma once

#include "core/base/paths.h"
#include "core/imaging/read.h"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

namespace hilum::fuzz {

/// A file of this process for one input; in memory where the system offers that.
inline const path& inputFile(const std::string& name)
{
    static const path file = [&] {
        std::error_code ec;
        const path shm = "/dev/shm";
        if (std::filesystem::is_directory(shm, ec) && ::access(shm.c_str(), W_OK) == 0)
            ::setenv("TMPDIR", shm.c_str(), 0);
        static const auto folder = TemporaryFolder::make("hilum-fuzz");
        return folder ? folder->where() / name : path(name);
    }();
    return file;
}

/// Writes the bytes as a file and does with it what a person does who opens it: scan, describe, read a part. Everything must end in a result or an error.
inline void open(const std::uint8_t* data, std::size_t size, const std::string& name)
{
    const path& file = inputFile(name);
    {
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    }
    const auto found = imaging::scan({file});
    if (!found)
        return;
    for (const imaging::Item& item : found->items) {
        (void)imaging::describeItem(item, false);
        if (item.kind == imaging::ItemKind::Report)
            (void)imaging::readReport(item);
        if (item.kind == imaging::ItemKind::Segmentation || item.kind == imaging::ItemKind::Contours)
            (void)imaging::readLabelMap(item);
        if (item.kind == imaging::ItemKind::Volume)
            (void)imaging::readVolume(item, {.spacing = imaging::SpacingPolicy::Regularise});
    }
}

} // namespace hilum::fuzz
