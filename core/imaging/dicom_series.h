#pragma once

#include "core/imaging/dicom_header.h"
#include "core/imaging/read.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace hilum::imaging {

struct DicomGroup;

/// One image or volume of DICOM files: which frame of which file lies where.
struct DicomStack {
    struct Reference {
        std::size_t file = 0;
        std::int64_t frame = 0;
    };
    std::vector<std::shared_ptr<const DicomHeader>> files;
    std::vector<std::vector<Reference>> times; ///< [time point][slice]
    ImageHeader header;                        ///< all but what only decoding can tell
    bool colour = false;
    std::shared_ptr<const DicomGroup> madeOf;  ///< of slices that can be left out (dicom_stack.h): what the grid was planned from
    std::shared_ptr<const DicomStack> drawnOn; ///< of a structure set: the image that its contours lie on

    const DicomHeader& fileOf(const Reference& r) const { return *files[r.file]; }
    const DicomFrame& frameOf(const Reference& r) const { return files[r.file]->frames[static_cast<std::size_t>(r.frame)]; }
};

/// What an instance of a storage SOP class that is no image is read as; Other for images, which their pixels decide, and for what is not read.
ItemKind kindOfSopClass(const std::string& uid);

/// Groups headers into series, orders each by position and makes an item of it. Files that cannot be used go to `refused`.
void groupDicom(std::vector<std::shared_ptr<const DicomHeader>> headers, ScanResult& result);

/// Gives each structure set among the items the image that it was drawn on: by series UID, else by frame of reference; none when it is not there.
void linkContours(ScanResult& result);

/// Called for each frame of a time point with its stored values: files in slice order, frames of one file as they lie in it.
using StoredFrameSink = std::function<void(const DicomHeader& header, std::span<const std::byte> stored)>;

/// Decodes one time point into modality values. Slices are decoded on all cores; one allocation holds the volume. Slices that a decoder refuses are left out
/// where they can be (`madeOf`): the volume is then that of the others, planned again, and its header names them.
/// \param sink   when set, stored values are kept (as much memory again) and handed over after decoding
Result<Volume> readDicomStack(const DicomStack& stack, std::int64_t timePoint, const Work& work, const StoredFrameSink& sink = {});

/// Those of the slices whose decoder fails and that can be left out (`madeOf`); other failures are errors. Nothing is kept of the others.
Result<std::vector<Refusal>> undecodableSlices(const DicomStack& stack, const std::vector<DicomStack::Reference>& slices, const Work& work);

} // namespace hilum::imaging
