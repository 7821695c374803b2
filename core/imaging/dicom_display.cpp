#include "core/imaging/dicom_display.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <cmath>

namespace hilum::imaging {

Json displayChain(const DicomHeader& h, const ImageHeader& header)
{
    Json chain = Json::object();
    chain["photometric_interpretation"] = h.photometric;
    const DicomFrame& f = h.frames.front();
    if (h.modalityLut)
        chain["modality"] = hilum::format("modality LUT of {} entries from {} ({})", h.modalityLut->table.size(), h.modalityLut->firstValue, h.modalityLut->type);
    else if (!h.realWorld.empty())
        chain["real_world_value"] = h.realWorld;
    else
        chain["modality"] = hilum::format("value = {} x stored {} {}{}", shortest(f.slope), f.intercept < 0 ? "-" : "+", shortest(std::abs(f.intercept)), h.rescaleType.empty() ? "" : " " + h.rescaleType);
    if (h.samples == 1 && h.bitsStored < h.bitsAllocated)
        chain["bits"] = hilum::format("{} of {} bits, {}", h.bitsStored, h.bitsAllocated, h.isSigned ? "signed" : "unsigned");
    if (header.paddingValue)
        chain["padding"] = header.paddingLimit ? hilum::format("values {} to {} mean outside of the picture", shortest(*header.paddingValue), shortest(*header.paddingLimit))
                                               : hilum::format("value {} means outside of the picture", shortest(*header.paddingValue));
    Json luts = Json::array();
    for (const VoiLut& l : h.voiLuts)
        luts.push_back(hilum::format("{}: {} entries of {} bits from {}", l.name.empty() ? "no name" : l.name, l.table.size(), l.bits, l.firstValue));
    if (!luts.empty())
        chain["voi_luts"] = std::move(luts);
    Json windows = Json::array();
    for (const Window& w : h.windows)
        windows.push_back(hilum::format("W {} L {}{}{}", shortest(w.width), shortest(w.centre), w.name.empty() ? "" : " " + w.name,
                                        w.shape == Window::Shape::Sigmoid ? ", SIGMOID" : w.shape == Window::Shape::LinearExact ? ", LINEAR_EXACT" : ""));
    if (!windows.empty())
        chain["windows"] = std::move(windows);
    if (h.samples == 1 && !h.palette)
        chain["shown_first_with"] = !h.voiLuts.empty() ? "the first VOI LUT" : !h.windows.empty() ? "the first window" : "percentiles 0.5 to 99.5 of the values: the file names no window";
    if (h.photometric == "MONOCHROME1")
        chain["inversion"] = "MONOCHROME1: low values are shown bright; inverted after the VOI LUT or window, the values stay as they are";
    if (h.presentationLutShape == "INVERSE")
        chain["presentation_lut_shape"] = "INVERSE, which MONOCHROME1 says already; it is not applied a second time";
    if (!h.overlays.empty())
        chain["overlays"] = hilum::format("{} overlay planes lie over the picture; they are listed, not drawn", h.overlays.size());
    if (!h.shutter.isEmpty())
        chain["shutter"] = "what lies outside of the display shutter is covered; the values stay as they are";
    if (!header.hasPatientSpace) {
        static constexpr std::string_view Meanings[] = {"in the patient", "in the plane of the detector: lengths in the patient are shorter", "calibrated by somebody", "unknown: lengths cannot be measured"};
        chain["pixel_spacing"] = Meanings[static_cast<std::size_t>(header.spacingMeaning)];
        if (const double ratio = planeSpacing(header)[1]; header.spacingMeaning == SpacingMeaning::Unknown && ratio != 1)
            chain["pixel_aspect_ratio"] = hilum::format("a pixel is {} times as high as it is wide", shortest(ratio));
    }
    return chain;
}

std::vector<Notice> displayNotices(const DicomHeader& h, const Graphics* graphics)
{
    std::vector<Notice> out;
    if (graphics && !graphics->overlays.empty()) // what was marked or written there is missing from the picture
        out.push_back({"overlay_not_shown", hilum::format("{} of the file {} not drawn over the picture", graphics->overlays.size() == 1 ? "an overlay plane"
            : hilum::format("{} overlay planes", graphics->overlays.size()), graphics->overlays.size() == 1 ? "is" : "are")});
    if (h.photometric == "PALETTE COLOR" && h.samples == 1 && !h.palette)
        out.push_back({"palette_missing", "the picture is PALETTE COLOR, but a colour table is missing or shorter than its descriptor says: the indices are shown as grey values"});
    if (h.modality == "CT" && h.pixels == PixelKind::Integer && h.samples == 1 && !h.palette && !h.rescaled && !h.modalityLut && h.realWorld.empty())
        out.push_back({"rescale_missing", "the CT image has neither Rescale Slope and Intercept nor a modality LUT: its values are as stored, not Hounsfield units"});
    return out;
}

} // namespace hilum::imaging
