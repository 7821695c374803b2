#include "core/imaging/dicomdir.h"

#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>
#include <cctype>

namespace hilum::imaging {

namespace {

bool sameName(std::string_view a, std::string_view b)
{
    return std::ranges::equal(a, b, {}, [](unsigned char c) { return std::tolower(c); }, [](unsigned char c) { return std::tolower(c); });
}

/// The file `parts` below `folder`; media are copied with names in either case.
path resolve(path folder, const std::vector<std::string>& parts)
{
    for (const std::string& part : parts) {
        std::error_code ec;
        path next = folder / part;
        if (!std::filesystem::exists(next, ec))
            for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec))
                if (sameName(it->path().filename().string(), part))
                    next = it->path();
        folder = next;
    }
    return folder;
}

} // namespace

bool isDicomDirectory(const DicomHeader& h) { return h.sopClass.empty() && sameName(h.file.filename().string().substr(0, 8), "DICOMDIR") && h.pixels == PixelKind::None; }

void readDicomDirectory(const path& file, std::vector<std::shared_ptr<const DicomHeader>>& headers, ScanResult& result)
{
    const MuteDicomLog mute;
    if (const Status nesting = checkNesting(file); !nesting) {
        result.refused.push_back({file, nesting.error().reason, nesting.error().message, nesting.error().code});
        return;
    }
    DcmFileFormat format;
    const OFCondition ok = format.loadFile(realFile(file).c_str());
    DcmSequenceOfItems* records = detail::sequence(*format.getDataset(), DCM_DirectoryRecordSequence);
    if (ok.bad() || !records || records->card() == 0) {
        result.refused.push_back({file, "empty", ok.bad() ? std::string("the directory is damaged: ") + ok.text() : std::string("the directory lists no files"),
                                  ok.bad() ? ErrorCode::BadData : ErrorCode::Empty});
        return;
    }
    for (DcmObject* object = records->nextInContainer(nullptr); object; object = records->nextInContainer(object)) {
        auto& record = *static_cast<DcmItem*>(object);
        if (!detail::has(record, DCM_ReferencedFileID))
            continue;
        std::vector<std::string> parts;
        for (long n = 0;; ++n) {
            std::string part = detail::text(record, DCM_ReferencedFileID, n);
            if (part.empty())
                break;
            // a directory may not point out of its own folder
            if (part == ".." || part.find('/') != std::string::npos) {
                parts.clear();
                break;
            }
            parts.push_back(std::move(part));
        }
        if (parts.empty())
            continue;
        const path target = resolve(file.parent_path(), parts);
        std::error_code ec;
        if (!std::filesystem::is_regular_file(realFile(target), ec)) {
            result.refused.push_back({target, "not_found", "the directory lists it, but it is not there", ErrorCode::NotFound});
            continue;
        }
        ++result.filesSeen;
        auto header = readDicomHeader(target);
        if (header)
            headers.push_back(std::make_shared<const DicomHeader>(std::move(*header)));
        else
            result.refused.push_back({target, header.error().reason, header.error().message, header.error().code});
    }
}

} // namespace hilum::imaging
