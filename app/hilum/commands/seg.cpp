#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/export_source.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_grid.h"
#include "core/imaging/label_names.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/label_surface.h"
#include "core/imaging/regularise.h"
#include "core/imaging/volume_write.h"
#include "core/services/label_compare.h"

#include <algorithm>

namespace hilum::commands {

namespace {

using imaging::ItemKind;
using imaging::LabelMap;

constexpr ItemKind LabelKinds[] = {ItemKind::Segmentation, ItemKind::Volume, ItemKind::Image, ItemKind::ImageSequence};
constexpr ItemKind ImageKinds[] = {ItemKind::Volume};

struct Transfer {
    std::string in, out, series, reference, referenceSeries, encoding = "binary", names, algorithm = "Hilum", overlap;
    double threshold = 0;
    std::int64_t fractions = 0, label = 0;
    bool resample = false;
};

struct Compare {
    std::string a, b, out, labels;
    bool resample = false, json = false;
};

/// Labels on the grid of a reference series, voxel by voxel or by the nearest voxel when that is asked for. `how` says it.
Status ontoReference(std::vector<LabelMap>& layers, const imaging::ImageHeader& reference, const Transfer& t, std::string& how)
{
    const imaging::ImageHeader& own = layers.front().volume.header();
    if (!own.hasPatientSpace || !reference.hasPatientSpace)
        return fail(ErrorCode::Mismatch, "{} and {} do not both lie in patient space", t.in, t.reference);
    if (own.irregular || reference.irregular) {
        bool same = own.sliceOriginsLps.size() == reference.sliceOriginsLps.size() && own.geometry.size == reference.geometry.size;
        for (std::size_t k = 0; same && k < own.sliceOriginsLps.size(); ++k)
            same = norm(own.sliceOriginsLps[k] - reference.sliceOriginsLps[k]) < 0.01;
        if (!same)
            return fail(ErrorCode::Mismatch, "the slices of {} are uneven, and the labels of {} do not lie on them slice by slice", t.reference, t.in);
        how = "the same uneven slices";
        return {};
    }
    const auto match = imaging::matchGrids(own.geometry, reference.geometry);
    if (!match && !t.resample)
        return refuse(ErrorCode::Mismatch, "grid", "{} does not lie on the voxels of {}: {}; --resample takes the nearest voxel", t.in, t.reference,
            imaging::gridDifference(own.geometry, reference.geometry));
    for (LabelMap& layer : layers) {
        auto placed = match ? imaging::moveLabels(layer.volume, reference.geometry, *match) : imaging::resampleLabels(layer.volume, reference.geometry);
        if (placed.lost > 0)
            return refuse(ErrorCode::Mismatch, "outside", "{} labelled voxels of {} lie outside the grid of {}", placed.lost, t.in, t.reference);
        layer.volume = std::move(placed.volume);
    }
    how = match ? hilum::format("voxel by voxel (centres agree within {:.2g} mm)", match->worstMm) : "by the nearest voxel";
    return {};
}

struct Read {
    imaging::Item item;
    std::vector<LabelMap> layers;
    std::vector<imaging::Notice> notices;
};

Result<Read> readLabels(const Transfer& t, const Work& work)
{
    Read out;
    HILUM_TRY(out.item, imaging::chooseItem(t.in, t.series, LabelKinds, work));
    HILUM_TRY_STATUS(imaging::checkNotSource(out.item, t.out));
    HILUM_TRY(imaging::Segmentation s, imaging::readSegmentation(out.item, work, {}, {.threshold = t.threshold, .layers = true}));
    HILUM_TRY(out.item, imaging::itemAsRead(out.item, s.map.volume.header(), work));
    out.notices = s.map.volume.header().notices;
    if (s.layers.empty())
        out.layers.push_back(std::move(s.map));
    else
        out.layers = std::move(s.layers);
    if (!t.names.empty())
        for (LabelMap& layer : out.layers)
            HILUM_TRY_STATUS(imaging::nameLabels(layer.labels, t.names));
    return out;
}

Json labelsOf(const std::vector<LabelMap>& layers)
{
    std::vector<imaging::Label> all;
    for (const LabelMap& layer : layers)
        all.insert(all.end(), layer.labels.begin(), layer.labels.end());
    return imaging::recordOf(all);
}

/// The surface of one label as STL.
Status exportSurface(const Transfer& t, const Read& read)
{
    std::vector<const imaging::Label*> all;
    const LabelMap* holder = nullptr;
    for (const LabelMap& layer : read.layers)
        for (const imaging::Label& label : layer.labels) {
            all.push_back(&label);
            if (label.value == t.label || t.label == 0)
                holder = &layer;
        }
    if (t.label == 0 && all.size() != 1)
        return fail(ErrorCode::Usage, "{} holds {} labels and an STL file one surface; choose one with --label", t.in, all.size());
    if (!holder)
        return fail(ErrorCode::NotFound, "{} holds no label {}", t.in, t.label);
    const std::int64_t value = t.label ? t.label : all.front()->value;
    const auto surface = imaging::labelSurface(holder->volume, value);
    if (!surface)
        return std::unexpected(withContext(surface.error(), t.in));
    HILUM_TRY_STATUS(imaging::writeStl(*surface, t.out));
    Json more = imaging::recordOf(holder->volume);
    more["label"] = value;
    more["points"] = surface->pointsLps.size();
    more["triangles"] = surface->triangles.size();
    HILUM_TRY_STATUS(imaging::writeExportRecord(read.item, t.in, t.out, more));
    print(hilum::format("{}: {} triangles\n", t.out, surface->triangles.size()));
    return {};
}

Status runExport(const Transfer& t)
{
    const Work work = consoleWork();
    const path out = t.out;
    if (out.extension() != ".dcm" && out.extension() != ".stl")
        return fail(ErrorCode::Usage, "{}: the output's name must end with .dcm (DICOM SEG) or .stl (surface); `hilum seg import` writes the other formats", t.out);
    HILUM_TRY(Read read, readLabels(t, work));
    if (out.extension() == ".stl")
        return exportSurface(t, read);
    imaging::SegmentationWriteOptions options;
    options.encoding = t.encoding == "labelmap" ? imaging::SegmentationEncoding::LabelMap : imaging::SegmentationEncoding::Binary;
    options.algorithm = t.algorithm;
    imaging::Item source = read.item;
    std::string how = "its own grid";
    if (!t.reference.empty()) {
        HILUM_TRY(source, imaging::chooseItem(t.reference, t.referenceSeries, ImageKinds, work, {.option = "--reference-series", .format = "dicom"}));
        HILUM_TRY(const imaging::ImageHeader header, imaging::headerOf(source, work));
        HILUM_TRY_STATUS(ontoReference(read.layers, header, t, how));
    }
    HILUM_TRY(options.sources, imaging::instancesOf(source, work));
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(source));
    imaging::DicomSeriesInfo series = imaging::newSeries(source, t.reference.empty() || source.seriesDescription.empty() ? read.item.seriesDescription
        : "Segmentation of " + source.seriesDescription, 300);
    HILUM_TRY(const imaging::ImageHeader space, imaging::headerOf(source, work));
    series.frameOfReferenceUid = space.frameOfReferenceUid;
    const auto written = imaging::writeSegmentation(read.layers, study, series, t.out, options, work);
    if (!written)
        return std::unexpected(written.error());
    Json more = imaging::recordOf(read.layers.front().volume);
    more["labels"] = labelsOf(read.layers);
    more["placed"] = how;
    more["dicom"] = {{"series_uid", series.seriesUid}, {"study_uid", study.studyUid}, {"sop_instance_uid", written->sopInstanceUid},
        {"reference_series_uid", source.seriesUid}};
    HILUM_TRY_STATUS(imaging::writeExportRecord(read.item, t.in, t.out, more));
    print(hilum::format("{}: {} labels, {}\n", t.out, more["labels"].size(), how));
    return {};
}

Status runImport(const Transfer& t)
{
    const Work work = consoleWork();
    const path out = t.out;
    const bool names = t.out.ends_with(".seg.nrrd");
    const std::string format = imaging::formatOfName(out);
    if (format != "nifti" && format != "nrrd" && format != "metaimage")
        return fail(ErrorCode::Usage, "{}: the output's name must end with .nii, .nii.gz, .nrrd, .seg.nrrd or .mha", t.out);
    if (t.fractions > 0) {
        HILUM_TRY(const imaging::Item item, imaging::chooseItem(t.in, t.series, LabelKinds, work));
        HILUM_TRY(const imaging::Volume volume, imaging::readFractions(item, t.fractions, work));
        HILUM_TRY_STATUS(imaging::writeVolume(volume, out, format));
        Json more = imaging::recordOf(volume);
        more["segment"] = t.fractions;
        HILUM_TRY_STATUS(imaging::writeExportRecord(item, t.in, out, more));
        print(hilum::format("{}: fractions of segment {}\n", t.out, t.fractions));
        return {};
    }
    HILUM_TRY(Read read, readLabels(t, work));
    std::string how = "its own grid";
    if (!t.reference.empty()) {
        HILUM_TRY(const bool folder, isFolder(t.reference));
        HILUM_TRY(const imaging::Item reference, imaging::chooseItem(t.reference, t.referenceSeries, ImageKinds, work, {.option = "--reference-series", .format = folder ? "dicom" : ""}));
        HILUM_TRY(const imaging::ImageHeader header, imaging::headerOf(reference, work));
        HILUM_TRY_STATUS(ontoReference(read.layers, header, t, how));
    } else if (const imaging::Volume& volume = read.layers.front().volume; imaging::isIrregular(volume) && !imaging::isNearlyStraight(volume)) {
        return refuse(ErrorCode::Usage, "irregular", "{}: {}, and {} holds even slices alone; name the series that they belong to with --reference, or use hilum convert with --spacing as-acquired "
            "(slices as they are) or --spacing regular (put on a regular grid)", t.in, imaging::whyIrregular(volume), t.out);
    }
    if (names) {
        HILUM_TRY_STATUS(imaging::writeSegNrrd(read.layers, out));
    } else {
        if (read.layers.size() > 1 && t.overlap != "later")
            return refuse(ErrorCode::Unsupported, "overlap", "{}: its segments overlap, and {} holds one label a voxel; write .seg.nrrd, or add --overlap later (the later segment wins)", t.in, t.out);
        LabelMap joined = read.layers.front();
        if (read.layers.size() > 1) {
            std::vector<std::uint16_t> voxels(static_cast<std::size_t>(joined.volume.geometry().voxelCount()));
            std::vector<imaging::Label> labels;
            for (const LabelMap& layer : read.layers)
                labels.insert(labels.end(), layer.labels.begin(), layer.labels.end());
            std::ranges::stable_sort(labels, {}, &imaging::Label::value);
            for (const imaging::Label& label : labels)
                for (const LabelMap& layer : read.layers)
                    if (layer.find(label.value))
                        layer.volume.visit([&](auto v) {
                            for (std::size_t n = 0; n < voxels.size(); ++n)
                                if (static_cast<std::int64_t>(v[n]) == label.value)
                                    voxels[n] = static_cast<std::uint16_t>(label.value);
                        });
            joined.volume = imaging::Volume(joined.volume.header(), std::move(voxels));
        }
        HILUM_TRY_STATUS(imaging::writeVolume(imaging::narrowLabels(joined.volume), out, format));
    }
    Json more = imaging::recordOf(read.layers.front().volume);
    more["labels"] = labelsOf(read.layers);
    more["placed"] = how;
    HILUM_TRY_STATUS(imaging::writeExportRecord(read.item, t.in, out, more));
    for (const imaging::Notice& n : read.notices)
        std::fputs((n.text + "\n").c_str(), stderr);
    print(hilum::format("{}: {} labels, {}\n", t.out, more["labels"].size(), how));
    return {};
}

Json orNull(const std::optional<double>& v) { return v ? Json(*v) : Json(nullptr); }

std::string figure(const Json& v, int decimals) { return v.is_number() ? hilum::format("{:.{}f}", v.get<double>(), decimals) : std::string("-"); }

Status runCompare(const Compare& c)
{
    const Work work = consoleWork();
    HILUM_TRY(const imaging::Item first, imaging::chooseItem(c.a, "", LabelKinds, work));
    HILUM_TRY(const imaging::Item second, imaging::chooseItem(c.b, "", LabelKinds, work));
    HILUM_TRY(const imaging::Segmentation a, imaging::readSegmentation(first, work, {}, {.layers = true}));
    HILUM_TRY(const imaging::Segmentation b, imaging::readSegmentation(second, work, {}, {.layers = true}));
    HILUM_TRY(const auto rows, services::compareLabels(a, b, {.nameA = c.a, .nameB = c.b, .resample = c.resample}, work));
    Json document{{"schema", "hilum.compare/1"}, {"a", c.a}, {"b", c.b}, {"placed", rows.placed}, {"spacing_mm", rows.grid.spacingMm}, {"labels", Json::array()},
                  {"definitions", {{"dice", "2 |A and B| / (|A| + |B|); null where both are empty, 0 where one is"},
                                   {"jaccard", "|A and B| / |A or B|; null where both are empty, 0 where one is"},
                                   {"hd95_mm", "larger of the two 95th percentiles of border-to-border distances; null where either is empty"},
                                   {"mean_surface_distance_mm", "mean of the distances of both directions; null where either is empty"},
                                   {"relative_volume_difference", "(B - A) / A; null where A is empty"}}}, {"intended_use", imaging::ResearchNotice}};
    std::string text = hilum::format("{:>6}  {:<28} {:>9} {:>9} {:>10} {:>10} {:>12} {:>12}\n", "label", "name", "Dice", "Jaccard", "HD95 mm", "mean mm", "A ml", "B ml");
    for (const services::LabelComparison& r : rows.labels) {
        const double ml = rows.grid.spacingMm[0] * rows.grid.spacingMm[1] * rows.grid.spacingMm[2] / 1000;
        Json row{{"value", r.value}, {"name", r.name}, {"name_b", r.nameB}, {"voxels_a", r.overlap.a}, {"voxels_b", r.overlap.b}, {"voxels_both", r.overlap.both},
            {"volume_a_ml", static_cast<double>(r.overlap.a) * ml},
                 {"volume_b_ml", static_cast<double>(r.overlap.b) * ml}, {"dice", orNull(r.overlap.dice())}, {"jaccard", orNull(r.overlap.jaccard())},
                 {"volume_difference_ml", static_cast<double>(r.overlap.b - r.overlap.a) * ml}, {"relative_volume_difference", orNull(r.overlap.volumeDifference())},
                 {"hd95_mm", r.surface ? Json(r.surface->hausdorff95Mm) : Json(nullptr)}, {"hausdorff_mm", r.surface ? Json(r.surface->hausdorffMm) : Json(nullptr)},
                 {"mean_surface_distance_mm", r.surface ? Json(r.surface->meanMm) : Json(nullptr)}};
        if (r.overlap.a == 0 || r.overlap.b == 0)
            row["empty"] = r.overlap.a == 0 && r.overlap.b == 0 ? "both" : r.overlap.a == 0 ? "a" : "b";
        text += hilum::format("{:>6}  {:<28} {:>9} {:>9} {:>10} {:>10} {:>12} {:>12}\n", r.value, r.name.substr(0, 28), figure(row["dice"], 4), figure(row["jaccard"], 4),
            figure(row["hd95_mm"], 3), figure(row["mean_surface_distance_mm"], 3), figure(row["volume_a_ml"], 3), figure(row["volume_b_ml"], 3));
        const std::string plain = hilum::format("label {}", r.value); // given to values without a name
        if (!r.name.empty() && !r.nameB.empty() && r.nameB != r.name && r.name != plain && r.nameB != plain)
            text += hilum::format("        label {} is called \"{}\" in A and \"{}\" in B\n", r.value, r.name, r.nameB);
        document["labels"].push_back(std::move(row));
    }
    if (!c.out.empty())
        HILUM_TRY_STATUS(writeFileAtomically(path(c.out), document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
    print(c.json ? jsonDocument(document) : text + "grids: " + rows.placed + "\n");
    return {};
}

void addTransfer(CLI::App& action, Transfer& t)
{
    action.add_option("in", t.in, "file or folder")->required();
    action.add_option("out", t.out, "file to write")->required();
    action.add_option("--series", t.series, "series UID (or file name) where there are several");
    action.add_option("--reference", t.reference, "the image series that the labels belong to (file or folder; DICOM for export)");
    action.add_option("--reference-series", t.referenceSeries, "series UID where the reference holds several");
    action.add_flag("--resample", t.resample, "labels whose grid is another one: take the nearest voxel of the reference");
    action.add_option("--names", t.names, "names of label values: CSV with columns label or value and name, ITK-SNAP label file, or OUT.json of an earlier conversion")->check(CLI::ExistingFile);
    action.add_option("--threshold", t.threshold, "FRACTIONAL segmentations: from this fraction on a voxel belongs to the segment (without it: any above 0)")->check(CLI::Range(0.0, 1.0));
}

} // namespace

Run declareSeg(CLI::App& verb)
{
    verb.description("Label maps and DICOM segmentations: export, import, compare");
    verb.require_subcommand(1);
    auto t = std::make_shared<Transfer>();
    auto c = std::make_shared<Compare>();
    CLI::App* exporting = verb.add_subcommand("export", "a label map (NIfTI, NRRD, seg.nrrd, MHA, SEG) as DICOM SEG, or one label as surface (.stl, LPS mm), with OUT.json beside it");
    addTransfer(*exporting, *t);
    exporting->add_option("--encoding", t->encoding, "binary (one bit a voxel, may overlap) or labelmap (8 or 16 bits)")->check(CLI::IsMember({"binary", "labelmap"}));
    exporting->add_option("--label", t->label, "for .stl: which label value")->check(CLI::PositiveNumber);
    exporting->add_option("--algorithm", t->algorithm, "what made the segments; \"\" when a person did");
    CLI::App* importing = verb.add_subcommand("import", "a DICOM SEG as .nii.gz, .nrrd, .seg.nrrd (keeps names, colours, overlap) or .mha, with OUT.json beside it");
    addTransfer(*importing, *t);
    importing->add_option("--fractions", t->fractions, "FRACTIONAL segmentations: the fractions of this segment number, 0 to 1, instead of labels")->check(CLI::PositiveNumber);
    importing->add_option("--overlap", t->overlap, "what a format without overlap does: later (the later segment wins)")->check(CLI::IsMember({"later"}));
    CLI::App* comparing = verb.add_subcommand("compare", "Dice, Jaccard, HD95, mean surface distance and volumes of each label; A is the reference");
    comparing->add_option("a", c->a, "label map or segmentation")->required();
    comparing->add_option("b", c->b, "label map or segmentation")->required();
    comparing->add_flag("--resample", c->resample, "grids that differ: take the nearest voxel of A's grid");
    comparing->add_flag("--json", c->json, "one JSON document");
    comparing->add_option("--out", c->out, "write the JSON document there, too");
    return [t, c, exporting, importing] {
        if (*exporting)
            return runExport(*t);
        return *importing ? runImport(*t) : runCompare(*c);
    };
}

} // namespace hilum::commands
