#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/export_source.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/picture_stack.h"
#include "core/imaging/read_part.h"
#include "core/imaging/regularise.h"
#include "core/imaging/volume_write.h"

#include <algorithm>
#include <optional>

namespace hilum::commands {

namespace {

using imaging::ItemKind;

struct Arguments {
    std::string in, out, to, series, spacing, modality;
    std::int64_t time = -1, slice = -1;
    bool quantise = false, shown = false;
    std::string region, as;
    std::vector<double> voxel;
    std::int64_t decimate = 1;
    bool part() const { return !region.empty() || decimate > 1; }
};

/// Takes the separators off a name that ends with them; true when there were any. `out/` and `out` are one folder, `out/.part` lies within it and not beside.
bool withoutEnd(std::string& name)
{
    path p = name;
    while (p.has_relative_path() && (!p.has_filename() || p.filename() == ".") && p.has_parent_path())
        p = p.parent_path();
    const bool ended = p.string() != name;
    name = p.string();
    return ended;
}

/// What is written: a format of files, or a kind of DICOM object.
enum class Target { File, SegNrrd, Png, Dicom, Series, Seg, LabelMap, Capture, Radiograph };

Result<Target> targetOf(const Arguments& a, std::string& format)
{
    const path out = a.out;
    format = imaging::formatOfName(out);
    static constexpr std::pair<std::string_view, Target> Kinds[] = {
        {"dicom", Target::Dicom}, {"ct", Target::Series}, {"mr", Target::Series}, {"seg", Target::Seg}, {"labelmap", Target::LabelMap},
        {"sc", Target::Capture}, {"dx", Target::Radiograph}, {"seg.nrrd", Target::SegNrrd}, {"png", Target::Png}};
    for (const auto& [name, target] : Kinds)
        if (a.to == name)
            return target;
    if (!a.to.empty()) {
        format = a.to == "mha" ? "metaimage" : a.to;
        return Target::File;
    }
    if (out.extension() == ".dcm" || !out.has_extension())
        return Target::Dicom;
    if (out.string().ends_with(".seg.nrrd"))
        return Target::SegNrrd;
    if (format == "png")
        return Target::Png;
    if (format.empty() || format == "jpeg" || format == "tiff")
        return fail(ErrorCode::Usage, "{}: the output's name must end with .nii, .nii.gz, .nrrd, .seg.nrrd, .mha, .png or .dcm, or be a new folder for DICOM slices; or say --to", a.out);
    if (out.extension() == ".hdr" || out.extension() == ".nhdr" || out.extension() == ".mhd")
        return fail(ErrorCode::Usage, "{}: only formats of one file are written: .nii, .nii.gz, .nrrd, .seg.nrrd, .mha, .png, .dcm", a.out);
    return Target::File;
}

/// Refuses uneven or tilted slices when nobody said what becomes of them: the formats of one file have even slices alone.
Status checkSpacingChosen(const Arguments& a, const imaging::Volume& volume)
{
    if (a.spacing.empty() && imaging::isIrregular(volume) && !imaging::isNearlyStraight(volume))
        return refuse(ErrorCode::Usage, "irregular", "{}: {}; choose --spacing as-acquired (slices as they are) or --spacing regular (resampled to a regular grid)",
            a.in, imaging::whyIrregular(volume));
    return {};
}

Result<imaging::Volume> readOne(const Arguments& a, const imaging::Item& item, const Work& work)
{
    if (item.timePoints > 1 && a.time < 0)
        return fail(ErrorCode::Usage, "{} holds {} time points; choose one: --time 0 to --time {}", a.in, item.timePoints, item.timePoints - 1);
    imaging::ReadOptions options;
    options.timePoint = std::max<std::int64_t>(0, a.time);
    HILUM_TRY(const imaging::Portion portion, imaging::parsePortion(a.region, a.decimate));
    HILUM_TRY(imaging::Volume volume, a.part() ? imaging::readPart(item, portion, options.timePoint, work) : imaging::readVolume(item, options, work));
    if (!imaging::isIrregular(volume))
        return volume;
    HILUM_TRY_STATUS(checkSpacingChosen(a, volume));
    return imaging::applySpacing(std::move(volume), a.spacing == "as-acquired" ? imaging::SpacingPolicy::AsAcquired : imaging::SpacingPolicy::Regularise, work);
}

std::string derivationOf(const Arguments& a, const imaging::Item& item)
{
    std::string text = hilum::format("converted by Hilum from {}", item.format == "dicom" ? "DICOM" : item.format);
    if (a.time >= 0)
        text += hilum::format(", time point {}", a.time);
    if (a.spacing == "regular")
        text += ", resampled to a regular grid";
    return text;
}

/// Slices into a new folder that appears when all are written.
Status writeSeries(const Arguments& a, const imaging::Item& item, const imaging::Volume& volume, Json& more, const Work& work)
{
    imaging::ImageHeader h = volume.header();
    if (!h.hasPatientSpace)
        return fail(ErrorCode::Mismatch, "{} lies in no patient space and makes no series of slices; write it as a picture (--to sc)", a.in);
    if (!a.modality.empty())
        h.modality = a.modality;
    if (h.modality != "CT" && h.modality != "MR")
        return fail(ErrorCode::Usage, "{} {}; add --modality CT or --modality MR", a.in, h.modality.empty() ? "does not say what made it"
            : hilum::format("is {}, which is not written as slices", h.modality));
    const path out = a.out;
    if (std::filesystem::exists(out))
        return fail(ErrorCode::Usage, "{} exists; slices are written into a new folder", a.out);
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(item));
    imaging::DicomSeriesInfo series = imaging::newSeries(item, item.seriesDescription, 100);
    series.frameOfReferenceUid = h.frameOfReferenceUid.empty() ? imaging::freshUid() : h.frameOfReferenceUid;
    imaging::SliceSeriesOptions options;
    options.derived = true;
    options.derivation = derivationOf(a, item);
    options.floats = a.quantise ? imaging::FloatPolicy::Quantise : imaging::FloatPolicy::Refuse;
    HILUM_TRY(const imaging::Portion portion, imaging::parsePortion(a.region, a.decimate));
    HILUM_TRY(options.sources, imaging::sourcesOf(item, volume, portion, std::max<std::int64_t>(0, a.time), work)); // none when resampled, and the derivation says so
    const auto scale = imaging::storedScale(volume, options.floats);
    if (!scale)
        return fail(scale.error().code, "{}: {}{}", a.in, scale.error().message, a.quantise ? ""
            : "; --quantise stores them in 65536 even steps and says how far off they are");
    HILUM_TRY(const path part, imaging::makeFolderBeside(out));
    const auto written = imaging::writeSliceSeries(volume.withHeader(std::move(h)), study, series, part, work, options);
    if (!written) {
        std::filesystem::remove_all(part);
        return std::unexpected(written.error());
    }
    std::error_code ec;
    std::filesystem::rename(part, out, ec);
    if (ec) {
        std::filesystem::remove_all(part);
        return std::unexpected(systemError("rename", part.string(), ec.value()));
    }
    more["dicom"] = {{"series_uid", series.seriesUid}, {"study_uid", study.studyUid}, {"rescale_slope", scale->slope}, {"rescale_intercept", scale->intercept},
        {"largest_error", scale->largestError}};
    return {};
}

/// One slice as a Secondary Capture: colours and whole values as they are.
Status writeCapture(const Arguments& a, const imaging::Item& item, const imaging::Volume& volume, Json& more, const Work& work)
{
    const Index3& n = volume.geometry().size;
    if (n[2] > 1 && a.slice < 0)
        return fail(ErrorCode::Usage, "{} has {} slices and a picture holds one; choose --slice 0 to --slice {}", a.in, n[2], n[2] - 1);
    const std::int64_t slice = std::max<std::int64_t>(0, a.slice);
    if (slice >= n[2])
        return fail(ErrorCode::Usage, "--slice {} of {} slices", slice, n[2]);
    imaging::SecondaryCapture picture;
    picture.width = n[0];
    picture.height = n[1];
    picture.components = volume.components();
    picture.fromWorkstation = false;
    picture.inverse = volume.header().photometric == "MONOCHROME1";
    picture.pixelAspect = volume.geometry().spacingMm[1] / volume.geometry().spacingMm[0];
    picture.derivation = derivationOf(a, item);
    const auto count = static_cast<std::size_t>(n[0] * n[1]) * static_cast<std::size_t>(picture.components), first = static_cast<std::size_t>(slice) * count;
    std::vector<std::uint16_t> words;
    const bool exact = volume.visit([&]<class T>(std::span<const T> all) {
        const auto values = all.subspan(first, count);
        if constexpr (std::is_same_v<T, std::uint8_t>) {
            picture.pixels = std::as_bytes(values);
            return true;
        } else {
            if (std::ranges::any_of(values, [](T v) { return v < 0 || v > 65535 || static_cast<double>(v) != static_cast<double>(static_cast<std::int64_t>(v)); }))
                return false;
            words.assign(values.begin(), values.end());
            picture.pixels = std::as_bytes(std::span(words));
            picture.bits = 16;
            return true;
        }
    });
    if (!exact)
        return fail(ErrorCode::Unsupported, "{}: a picture holds whole values from 0 to 65535, and this one has others; write .png first for what a person sees", a.in);
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(item));
    const imaging::DicomSeriesInfo series = imaging::newSeries(item, item.seriesDescription, 200);
    HILUM_TRY(const imaging::Portion portion, imaging::parsePortion(a.region, a.decimate));
    HILUM_TRY(picture.sources, imaging::sourcesOf(item, volume, portion, std::max<std::int64_t>(0, a.time), work));
    if (picture.sources.size() > 1)
        picture.sources = {picture.sources[static_cast<std::size_t>(slice)]};
    more["dicom"] = {{"series_uid", series.seriesUid}, {"study_uid", study.studyUid}};
    return imaging::writeSecondaryCapture(picture, study, series, a.out).transform([](const auto&) {});
}

Status writeFilm(const Arguments& a, const imaging::Item& item, const imaging::Volume& volume)
{
    if (volume.components() != 1)
        return fail(ErrorCode::Unsupported, "{} is a colour picture and a radiograph is grey; write it as Secondary Capture (--to sc)", a.in);
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(item));
    imaging::RadiographWriteOptions options;
    options.derived = true;
    options.viewPosition = "";
    if (const auto& luts = volume.header().voiLuts; !luts.empty() && luts.front().firstValue >= 0) // its grey values are what a person sees of it
        options.voiLut = luts.front();
    options.madeBy = derivationOf(a, item);
    return imaging::writeRadiograph(volume, study, imaging::newSeries(item, item.seriesDescription, 100), a.out, options).transform([](const auto&) {});
}

/// Labels in a format that keeps their names, overlap included.
/// \param item  becomes what was read of it
Status writeLabels(const Arguments& a, imaging::Item& item, Target target, Json& more, const Work& work)
{
    imaging::SegmentationReadOptions read;
    read.layers = true;
    HILUM_TRY(imaging::Segmentation s, imaging::readSegmentation(item, work, {}, read));
    HILUM_TRY(item, imaging::itemAsRead(item, s.map.volume.header(), work));
    HILUM_TRY(const imaging::Portion portion, imaging::parsePortion(a.region, a.decimate));
    const auto chosen = [&](imaging::LabelMap& map) -> Status {
        HILUM_TRY(map.volume, imaging::cut(map.volume, portion));
        if (target == Target::SegNrrd) // a DICOM object has the place of every slice
            HILUM_TRY_STATUS(checkSpacingChosen(a, map.volume));
        HILUM_TRY(map.volume, imaging::applySpacing(std::move(map.volume), a.spacing == "regular" ? imaging::SpacingPolicy::Regularise : imaging::SpacingPolicy::AsAcquired, work));
        return {};
    };
    HILUM_TRY_STATUS(chosen(s.map));
    for (imaging::LabelMap& layer : s.layers)
        HILUM_TRY_STATUS(chosen(layer));
    const std::span<const imaging::LabelMap> layers = s.layers.empty() ? std::span(&s.map, 1) : std::span<const imaging::LabelMap>(s.layers);
    more.update(imaging::recordOf(s.map.volume));
    more["labels"] = imaging::recordOf(s.map.labels);
    if (target == Target::SegNrrd)
        return imaging::writeSegNrrd(layers, a.out);
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(item));
    imaging::DicomSeriesInfo series = imaging::newSeries(item, item.seriesDescription, 300);
    series.frameOfReferenceUid = s.map.volume.header().frameOfReferenceUid;
    imaging::SegmentationWriteOptions options;
    options.encoding = target == Target::LabelMap ? imaging::SegmentationEncoding::LabelMap : imaging::SegmentationEncoding::Binary;
    HILUM_TRY(options.sources, imaging::sourcesOf(item, s.map.volume, portion, 0, work));
    more["dicom"] = {{"series_uid", series.seriesUid}, {"study_uid", study.studyUid}};
    return imaging::writeSegmentation(layers, study, series, a.out, options, work).transform([](const auto&) {});
}

/// The labels of a segmentation or of contours whose values alone go into a file; the later of two that overlap would hide the other.
Result<Json> onlyLabels(const Arguments& a, const imaging::Item& item, const Work& work)
{
    imaging::SegmentationReadOptions read;
    read.layers = true;
    HILUM_TRY(const imaging::Segmentation s, imaging::readSegmentation(item, work, {}, read));
    if (s.layers.size() > 1)
        return refuse(ErrorCode::Unsupported, "overlap", "{}: its {} overlap, and {} holds one label a voxel; write {}", a.in, item.kind == ItemKind::Contours ? "regions" : "segments", a.out,
            item.kind == ItemKind::Contours ? ".seg.nrrd or, with --to seg, .dcm" : ".seg.nrrd, or use hilum seg import --overlap later (the later segment wins)");
    return imaging::recordOf(s.map.labels);
}

/// What a plain `.dcm` or folder means for this input.
Target dicomTarget(const imaging::Item& item, const imaging::Volume& volume)
{
    static constexpr std::string_view Films[] = {"DX", "CR", "DR", "RG"};
    if (item.kind == ItemKind::Segmentation)
        return Target::Seg;
    if (volume.header().hasPatientSpace)
        return Target::Series;
    return std::ranges::find(Films, item.modality) != std::end(Films) && volume.components() == 1 ? Target::Radiograph : Target::Capture;
}

Result<imaging::Item> inputOf(const Arguments& a, const Work& work)
{
    if (a.as == "stack")
        return imaging::pictureStack(a.in, a.voxel.empty() ? std::nullopt : std::optional(Vec3{a.voxel[0], a.voxel[1], a.voxel[2]}));
    if (a.part()) { // a file whose whole would not fit is never looked at as a whole
        HILUM_TRY(auto large, imaging::largeFileItem(a.in));
        if (large)
            return *std::move(large);
    }
    static constexpr ItemKind Kinds[] = {ItemKind::Volume, ItemKind::Image, ItemKind::ImageSequence, ItemKind::Segmentation, ItemKind::Contours};
    return imaging::chooseItem(a.in, a.series, Kinds, work);
}

Status run(Arguments a)
{
    const Work work = consoleWork();
    std::string format;
    HILUM_TRY(Target target, targetOf(a, format));
    if (a.shown && target != Target::Png)
        return fail(ErrorCode::Usage, "--shown is for PNG files, which hold what a person sees; {} keeps the values and what they are seen with", a.out);
    const bool folder = withoutEnd(a.out);
    if (a.to == "ct" || a.to == "mr")
        a.modality = a.to == "ct" ? "CT" : "MR";
    HILUM_TRY(imaging::Item item, inputOf(a, work));
    HILUM_TRY_STATUS(imaging::checkNotSource(item, a.out));
    const bool labels = item.kind == ItemKind::Segmentation || item.kind == ItemKind::Contours;
    const bool asLabels = target == Target::SegNrrd || target == Target::Seg || target == Target::LabelMap || (target == Target::Dicom && item.kind == ItemKind::Segmentation);
    if ((labels || asLabels) && a.time > 0 && item.timePoints < 2)
        return fail(ErrorCode::Usage, "{}: --time {}, and its labels have one time point, 0", a.in, a.time);
    if (folder && (asLabels || (target != Target::Dicom && target != Target::Series)))
        return fail(ErrorCode::Usage, "{}/ names a folder, which takes the slices of a series; this is written as one file: name that", a.out);
    Json more{{"time_point", std::max<std::int64_t>(0, a.time)}, {"spacing", a.spacing.empty() ? "as-acquired" : a.spacing}};
    std::string done;
    if (asLabels) {
        HILUM_TRY_STATUS(writeLabels(a, item, target, more, work));
        done = hilum::format("{} labels", more["labels"].size());
    } else {
        HILUM_TRY(const imaging::Volume volume, readOne(a, item, work));
        HILUM_TRY(item, imaging::itemAsRead(item, volume.header(), work));
        more.update(imaging::recordOf(volume));
        if (target == Target::Dicom)
            target = dicomTarget(item, volume);
        if (folder && target != Target::Series)
            return fail(ErrorCode::Usage, "{}/ names a folder, which takes the slices of a series; this is written as one file: name that", a.out);
        std::string chain;
        if (target == Target::Png) {
            const std::int64_t slices = volume.geometry().size[2];
            if (slices > 1 && a.slice < 0)
                return fail(ErrorCode::Usage, "{} has {} slices and a PNG file holds one; choose --slice 0 to --slice {}", a.in, slices, slices - 1);
            HILUM_TRY_STATUS(imaging::writePicture(volume, std::max<std::int64_t>(0, a.slice), a.shown ? imaging::PictureValues::Shown : imaging::PictureValues::Exact, a.out, chain));
            more["grey_values"] = chain;
        } else if (target == Target::Series) {
            HILUM_TRY_STATUS(writeSeries(a, item, volume, more, work));
        } else if (target == Target::Capture) {
            HILUM_TRY_STATUS(writeCapture(a, item, volume, more, work));
        } else if (target == Target::Radiograph) {
            HILUM_TRY_STATUS(writeFilm(a, item, volume));
        } else {
            if (labels) { // the file holds values only: their names stand beside it
                HILUM_TRY(more["labels"], onlyLabels(a, item, work));
            }
            HILUM_TRY_STATUS(imaging::writeVolume(volume, a.out, format));
        }
        const Index3& n = volume.geometry().size;
        done = hilum::format("{} x {} x {} {}", n[0], n[1], n[2], volume.scalarName());
    }
    HILUM_TRY_STATUS(imaging::writeExportRecord(item, a.in, a.out, more));
    print(hilum::format("{}: {}\n", a.out, done));
    return {};
}

} // namespace

Run declareConvert(CLI::App& verb)
{
    verb.description("Reads an image or a series and writes it as NIfTI, NRRD, MetaImage, PNG or DICOM, with OUT.json beside it");
    auto a = std::make_shared<Arguments>();
    verb.add_option("in", a->in, "file or folder")->required();
    verb.add_option("out", a->out, "file to write, its ending gives the format (.nii .nii.gz .nrrd .seg.nrrd .mha .png .dcm); or a new folder for DICOM slices")->required();
    verb.add_option("--to", a->to, "what to write where the ending does not say it: nifti, nrrd, seg.nrrd, mha, png; as DICOM: dicom (what fits), ct or mr (a series of slices), seg (one bit a "
                                   "voxel), labelmap (label map segmentation), sc (Secondary Capture), dx (radiograph)")
        ->check(CLI::IsMember({"nifti", "nrrd", "seg.nrrd", "mha", "png", "dicom", "ct", "mr", "seg", "labelmap", "sc", "dx"}));
    verb.add_option("--series", a->series, "series UID (or file name) where there are several, with #N for the N-th grid of one series");
    verb.add_option("--time", a->time, "time point, from 0")->check(CLI::NonNegativeNumber);
    verb.add_option("--slice", a->slice, "slice for PNG and Secondary Capture, from 0")->check(CLI::NonNegativeNumber);
    CLI::Option* as = verb.add_option("--as", a->as, "stack: the pictures of a folder, or the pages of a TIFF file, as slices of one volume")->check(CLI::IsMember({"stack"}));
    verb.add_option("--voxel-mm", a->voxel, "size of a voxel of such a stack: X Y Z, millimetres")->expected(3)->needs(as);
    verb.add_option("--region", a->region, "only a box of voxels: I0,J0,K0,I1,J1,K1, the first voxel and the one behind the last; memory is taken for it alone");
    verb.add_option("--decimate", a->decimate, "only every N-th voxel along each axis, as it is (no smoothing)")->check(CLI::Range(1, 1000));
    verb.add_option("--modality", a->modality, "for DICOM slices out of files that do not say it")->check(CLI::IsMember({"CT", "MR"}));
    verb.add_flag("--quantise", a->quantise, "for DICOM slices of float values: 65536 even steps between the lowest and the highest; OUT.json says how far off");
    verb.add_flag("--shown", a->shown, "for PNG: the grey values that a person sees, through the VOI LUT or window of the file, in 8 bits, also where whole values would fit as they are");
    verb.add_option("--spacing", a->spacing, "uneven or tilted slices: kept, or resampled to a regular grid")->check(CLI::IsMember({"as-acquired", "regular"}));
    return [a] { return run(*a); };
}

} // namespace hilum::commands
