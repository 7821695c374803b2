#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/chest_region.h"
#include "core/imaging/model_input.h"
#include "core/imaging/volume_input.h"
#include "core/view/method_answer.h"

#include <memory>
#include <optional>

namespace hilum::services {

/// An image as a model takes it: a radiograph's plane or a volume; one of the two is there.
struct RequestInput {
    std::shared_ptr<const imaging::ModelInput> plane;
    std::shared_ptr<const imaging::VolumeInput> volume;
    std::string modalityClass; ///< of a volume: "ct", "t1", ...
    bool isEmpty() const { return !plane && !volume; }
};

/// Does a pipeline take radiographs, volumes, or both ("mixed")? Empty text for an unknown kind.
std::string pipelineKind(const Json& pipeline);

/// The part of a model's pipeline that this image goes through: the pipeline itself, or a half of a mixed one.
/// Mismatch with one sentence when the model does not take such images. \param title of the method, for the sentence.
Result<Json> pipelineFor(const Json& pipeline, const imaging::Volume& image, const std::string& title);

/// Applies a pipeline that pipelineFor gave. \param region replaces the computed one of a radiograph. Not for the GUI thread.
Result<RequestInput> requestInput(const imaging::Volume& image, const Json& pipeline, const imaging::ChestRegion* region, const Work& work);

/// The chest region of a mask image (non-zero = inside) for an image of width x height pixels.
/// Mismatch when the mask has another size or several slices: it is never stretched.
Result<imaging::ChestRegion> regionFromFile(const path& file, std::int64_t width, std::int64_t height, const Work& work = {});

/// What goes to the worker beside JSON fields (worker_protocol.md): the image, a painted mask, and other images.
struct ModelRequest {
    RequestInput input;
    std::vector<std::uint8_t> mask = {}; ///< on maskGrid, 1 = hidden; empty: none
    std::array<std::int64_t, 2> maskGrid{0, 0};
    std::string report = {};             ///< of the study, UTF-8; empty: none
    std::vector<std::string> texts = {}; ///< further ones to compare the image with, UTF-8
    std::vector<RequestInput> others = {}; ///< a radiograph takes the first as `donor`; a volume all as `other_0`, ...
};
/// The request file: `image`, and `region`, `mask`, `report`, `text_N`, `donor`, `other_N` where there are any. Mismatch when another image is of another kind or size than it must be.
Status writeRequest(const ModelRequest& request, const path& file);

/// Values on the grid (or on a crop of it) of a volume model, as a volume at their place in the patient.
/// Throws std::invalid_argument when the values do not fill the crop.
imaging::Volume placedVolume(const view::Block& block, const Geometry& grid, const std::optional<view::Box>& crop, const std::string& description);

} // namespace hilum::services
