#include "app/hilum/commands/command.h"
#include "core/base/digest.h"
#include "core/base/provenance.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/read.h"
#include "core/imaging/regularise.h"
#include "core/imaging/volume_write.h"

#include <algorithm>
#include <format>
#include <optional>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string in, out, series, spacing, modality;
    std::int64_t time = -1, slice = -1;
};

std::string choice(const imaging::Item& i)
{
    return std::format("--series {} ({} {} x {} x {}{})", i.seriesUid.empty() ? i.where.filename().string() : i.seriesUid, i.modality.empty() ? i.format : i.modality, i.size[0], i.size[1],
                       i.size[2], i.timePoints > 1 ? std::format(", {} time points", i.timePoints) : "");
}

/// The one item that is meant, or an error with the choices.
Result<imaging::Item> choose(const Arguments& a, const Work& work)
{
    HILUM_TRY(const imaging::ScanResult found, imaging::scan({path(a.in)}, work));
    using Kind = imaging::ItemKind;
    std::vector<const imaging::Item*> usable;
    for (const imaging::Item& i : found.items)
        if ((i.kind == Kind::Volume || i.kind == Kind::Image || i.kind == Kind::ImageSequence || i.kind == Kind::Segmentation)
            && (a.series.empty() || i.seriesUid == a.series || i.where.filename() == a.series))
            usable.push_back(&i);
    if (usable.size() == 1)
        return *usable.front();
    if (usable.empty()) {
        if (!a.series.empty())
            return fail(ErrorCode::NotFound, "{} holds no series {}", a.in, a.series);
        if (!found.refused.empty())
            return refuse(found.refused.front().error, found.refused.front().code, "{}: {}", found.refused.front().file.string(), found.refused.front().reason);
        return fail(ErrorCode::Empty, "{} holds no image", a.in);
    }
    Error error{.code = ErrorCode::Usage, .message = std::format("{} holds {} images; choose one", a.in, usable.size()), .reason = "several"};
    for (const imaging::Item* i : usable)
        error.details.push_back(choice(*i));
    return std::unexpected(std::move(error));
}

Result<imaging::Volume> readOne(const Arguments& a, const imaging::Item& item, const Work& work)
{
    if (item.timePoints > 1 && a.time < 0)
        return fail(ErrorCode::Usage, "{} holds {} time points; choose one: --time 0 to --time {}", a.in, item.timePoints, item.timePoints - 1);
    imaging::ReadOptions options;
    options.timePoint = std::max<std::int64_t>(0, a.time);
    HILUM_TRY(imaging::Volume volume, imaging::readVolume(item, options, work));
    if (!imaging::isIrregular(volume))
        return volume;
    if (a.spacing.empty()) {
        std::string why;
        for (const imaging::Notice& n : volume.header().notices)
            why += (why.empty() ? "" : "; ") + n.text;
        return refuse(ErrorCode::Usage, "irregular", "{}: {}; choose --spacing as-acquired (slices as they are) or --spacing regular (resampled to a regular grid)", a.in, why);
    }
    return imaging::applySpacing(std::move(volume), a.spacing == "regular" ? imaging::SpacingPolicy::Regularise : imaging::SpacingPolicy::AsAcquired, work);
}

/// What stands beside the output: where it comes from and what was done to it.
Result<Json> record(const Arguments& a, const imaging::Item& item, const imaging::Volume& volume, const std::string& greyChain)
{
    const imaging::ImageHeader& h = volume.header();
    Json files = Json::array();
    for (const path& f : item.files) {
        HILUM_TRY(std::string digest, sha256File(f));
        files.push_back({{"name", f.filename().string()}, {"sha256", std::move(digest)}});
    }
    Json repairs = Json::array();
    std::vector<std::string> seen;
    for (const imaging::Notice& n : h.notices)
        if (std::ranges::find(seen, n.text) == seen.end()) {
            seen.push_back(n.text);
            repairs.push_back({{"code", n.code}, {"text", n.text}});
        }
    Json outputs = Json::array();
    std::vector<path> written{a.out};
    if (std::filesystem::is_directory(a.out)) {
        written.assign(std::filesystem::directory_iterator(a.out), {});
        std::ranges::sort(written);
    }
    for (const path& f : written) {
        HILUM_TRY(std::string digest, sha256File(f));
        outputs.push_back({{"name", f.filename().string()}, {"sha256", std::move(digest)}});
    }
    Json out{{"schema", "hilum.convert/1"}, {"program", programVersion()}, {"created_utc", utcNow()},
             {"source", {{"path", a.in}, {"format", item.format}, {"series_uid", item.seriesUid.empty() ? Json(nullptr) : Json(item.seriesUid)}, {"files", std::move(files)}}},
             {"output", {{"path", path(a.out).filename().string()}, {"files", std::move(outputs)}}},
             {"time_point", std::max<std::int64_t>(0, a.time)}, {"spacing", a.spacing.empty() ? "as-acquired" : a.spacing}, {"size", h.geometry.size},
             {"spacing_mm", h.geometry.spacingMm}, {"scalar", volume.scalarName()}, {"unit", imaging::name(h.unit)}, {"repairs", std::move(repairs)},
             {"notice", "Research use only, not for diagnosis"}};
    if (h.hasPatientSpace) {
        out["origin_lps"] = h.geometry.originLps;
        Json direction = Json::array();
        for (std::size_t c = 0; c < 3; ++c)
            for (const double v : h.geometry.direction.column(c))
                direction.push_back(v);
        out["direction"] = std::move(direction);
    } else {
        out["patient_space"] = false;
    }
    if (!h.sliceOriginsLps.empty())
        out["slice_origins_lps"] = h.sliceOriginsLps; // the file's even spacing is nominal: these are the truth
    if (!greyChain.empty())
        out["grey_values"] = greyChain;
    return out;
}

/// Study and series of a DICOM output: those of the input where it is DICOM, a new series either way.
imaging::DicomStudy studyOf(const imaging::Item& item)
{
    imaging::DicomStudy s;
    s.patientId = item.patientId.empty() ? "unknown" : item.patientId;
    s.patientName = item.patientName.empty() ? "Unknown" : item.patientName;
    s.patientSex = item.patientSex;
    s.studyUid = item.studyUid.empty() ? imaging::freshUid() : item.studyUid;
    s.date = item.studyDate;
    s.description = item.studyDescription;
    s.accession = item.accession;
    return s;
}

/// Slices into a new folder that appears when all are written; a radiograph into one file.
Status writeDicom(const Arguments& a, const imaging::Item& item, imaging::Volume volume, const Work& work)
{
    imaging::ImageHeader h = volume.header();
    imaging::DicomSeriesInfo series;
    series.seriesUid = imaging::freshUid();
    series.description = item.seriesDescription;
    series.bodyPart = item.bodyPart;
    series.frameOfReferenceUid = h.frameOfReferenceUid.empty() ? imaging::freshUid() : h.frameOfReferenceUid;
    const path out = a.out;
    if (item.kind == imaging::ItemKind::Segmentation) {
        HILUM_TRY(const imaging::LabelMap map, imaging::readLabelMap(item, work));
        return imaging::writeSegmentation(map, studyOf(item), series, {}, out).transform([](const auto&) {});
    }
    if (!h.hasPatientSpace)
        return imaging::writeRadiograph(volume, studyOf(item), series, out).transform([](const auto&) {});
    if (!a.modality.empty())
        h.modality = a.modality;
    if (h.modality.empty())
        return fail(ErrorCode::Usage, "{} does not say what made it; add --modality CT or --modality MR", a.in);
    if (std::filesystem::exists(out))
        return fail(ErrorCode::Usage, "{} exists; slices are written into a new folder", a.out);
    const path part = path(a.out + ".part");
    std::filesystem::remove_all(part);
    HILUM_TRY_STATUS(makeFolder(part));
    const auto written = imaging::writeSliceSeries(volume.withHeader(std::move(h)), studyOf(item), series, part, work);
    if (!written) {
        std::filesystem::remove_all(part);
        return std::unexpected(written.error());
    }
    std::error_code ec;
    std::filesystem::rename(part, out, ec);
    if (ec)
        return std::unexpected(systemError("cannot rename", part.string(), ec.value()));
    return {};
}

Status run(const Arguments& a)
{
    const Work work = consoleWork();
    const bool toDicom = path(a.out).extension() == ".dcm" || !path(a.out).has_extension();
    const std::string format = toDicom ? "dicom" : imaging::formatOfName(a.out);
    if (format.empty() || format == "jpeg" || format == "tiff")
        return fail(ErrorCode::Usage, "{}: the output's name must end with .nii, .nii.gz, .nrrd, .mha, .png or .dcm, or be a new folder for DICOM slices", a.out);
    if (path(a.out).extension() == ".hdr" || path(a.out).extension() == ".nhdr" || path(a.out).extension() == ".mhd")
        return fail(ErrorCode::Usage, "{}: only formats of one file are written: .nii, .nii.gz, .nrrd, .mha, .png", a.out);
    HILUM_TRY(const imaging::Item item, choose(a, work));
    HILUM_TRY(const imaging::Volume volume, readOne(a, item, work));
    std::string chain;
    if (format == "png") {
        const std::int64_t slices = volume.geometry().size[2];
        if (slices > 1 && a.slice < 0)
            return fail(ErrorCode::Usage, "{} has {} slices and a PNG file holds one; choose --slice 0 to --slice {}", a.in, slices, slices - 1);
        HILUM_TRY_STATUS(imaging::writePicture(volume, std::max<std::int64_t>(0, a.slice), a.out, chain));
    } else if (toDicom) {
        HILUM_TRY_STATUS(writeDicom(a, item, volume, work));
    } else {
        HILUM_TRY_STATUS(imaging::writeVolume(volume, a.out, format));
    }
    HILUM_TRY(const Json beside, record(a, item, volume, chain));
    HILUM_TRY_STATUS(writeFileAtomically(path(a.out + ".json"), beside.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
    const Index3& n = volume.geometry().size;
    print(std::format("{}: {} x {} x {} {}\n", a.out, n[0], n[1], n[2], volume.scalarName()));
    return {};
}

} // namespace

Run declareConvert(CLI::App& verb)
{
    verb.description("Reads an image or a series and writes it as NIfTI, NRRD, MetaImage, PNG or DICOM, with OUT.json beside it");
    auto a = std::make_shared<Arguments>();
    verb.add_option("in", a->in, "file or folder")->required();
    verb.add_option("out", a->out, "file to write, its ending gives the format; or a new folder for DICOM slices")->required();
    verb.add_option("--series", a->series, "series UID (or file name) where there are several");
    verb.add_option("--time", a->time, "time point, from 0")->check(CLI::NonNegativeNumber);
    verb.add_option("--slice", a->slice, "slice for PNG, from 0")->check(CLI::NonNegativeNumber);
    verb.add_option("--modality", a->modality, "for DICOM slices out of files that do not say it")->check(CLI::IsMember({"CT", "MR"}));
    verb.add_option("--spacing", a->spacing, "uneven or tilted slices: kept, or resampled to a regular grid")->check(CLI::IsMember({"as-acquired", "regular"}));
    return [a] { return run(*a); };
}

} // namespace hilum::commands
