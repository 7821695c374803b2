#include "core/base/format.h"
#include "core/imaging/demo_data.h"

#include "core/base/guard.h"
#include "core/base/random.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/phantom.h"
#include "core/imaging/png_write.h"
#include "core/imaging/volume_write.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

constexpr int DicomFilms = 20, PngFilms = 44;
constexpr int SlicesMade = 61, MissingSlice = 30; // counted from 0, lowest first: 60 files stay
constexpr double TiltDegrees = 8;

// A slow S-shaped curve, as vendors store it.
VoiLut contrastLut()
{
    VoiLut lut{.firstValue = 0, .bits = 12, .table = {}, .name = "Chest contrast"};
    for (int v = 0; v < 4096; ++v) {
        const double x = (v - 2048) / 700.0;
        lut.table.push_back(static_cast<std::uint16_t>(std::lround(4095 / (1 + std::exp(-x)))));
    }
    return lut;
}

Json factOf(const ThoraxPhantom& t)
{
    Json findings = Json::array();
    for (const ThoraxFinding& f : t.findings)
        findings.push_back({{"kind", name(f.kind)}, {"side", f.kind == FindingKind::Cardiomegaly ? "" : name(f.side)}, {"zone", f.zone}, {"size_mm", f.sizeMm}});
    return {{"patient_id", t.person.id}, {"cardiothoracic_ratio", t.cardiothoracicRatio}, {"findings", findings}, {"report", t.report.text()}};
}

// 64 films of 40 people: the first 24 people have two visits.
Status writeFilms(const path& folder, std::uint64_t seed, Json& facts, const Work& work)
{
    HILUM_TRY_STATUS(makeFolder(folder));
    facts["dicom"] = Json::array(), facts["png"] = Json::array();
    constexpr int All = DicomFilms + PngFilms, People = 40;
    for (int n = 0; n < All; ++n) {
        work.progress(n, All + SlicesMade, "making radiographs");
        const int person = n % People, visit = n / People;
        ThoraxOptions options{.seed = seed * 1000 + static_cast<std::uint64_t>(person), .preset = ThoraxPreset::Tiny, .findings = std::nullopt, .visit = static_cast<std::uint64_t>(visit)};
        if (n < 6) // all kinds occur among the DICOM films
            options.findings = n == 0 ? std::vector<FindingKind>{} : std::vector{static_cast<FindingKind>(n - 1)};
        HILUM_TRY(const ThoraxPhantom t, makeThorax(options, Work{.progress = {}, .stop = work.stop}));
        Json fact = factOf(t);
        if (n < DicomFilms) {
            const std::string root = hilum::format("fixture film {} {}", seed, n);
            const DicomStudy study{.patientId = t.person.id, .patientName = t.person.name, .patientSex = t.person.sex, .ageYears = t.person.ageYears, .studyUid = uidFromText(root + " study"),
                                   .studyId = "1", .accession = hilum::format("CXR{:04}", n + 1), .description = "Chest", .date = hilum::format("2026{:02}15", 1 + n % 12), .time = "090000", .referringPhysician = ""};
            const DicomSeriesInfo series{.seriesUid = uidFromText(root + " series"), .number = 1, .description = "Chest PA", .frameOfReferenceUid = {}};
            RadiographWriteOptions how;
            how.madeBy = "made by projecting a made-up CT";
            how.monochrome1 = n % 4 == 1; // 1, 5, 9, 13, 17
            if (n == 6)
                how.voiLut = contrastLut();
            const path file = folder / hilum::format("cxr{:02}.dcm", n + 1);
            HILUM_TRY(const auto written, writeRadiograph(t.film, study, series, file, how));
            if (n == DicomFilms - 1) { // the last one ends in the middle of its pixels
                HILUM_TRY(const std::string whole, readTextFile(file));
                HILUM_TRY_STATUS(writeFileAtomically(file, std::string_view(whole).substr(0, whole.size() * 6 / 10)));
            }
            fact["file"] = file.filename().string();
            fact["monochrome1"] = how.monochrome1, fact["voi_lut"] = how.voiLut.has_value(), fact["truncated"] = n == DicomFilms - 1;
            facts["dicom"].push_back(std::move(fact));
        } else {
            const auto& g = t.film.geometry().size;
            std::vector<std::uint8_t> grey;
            grey.reserve(static_cast<std::size_t>(g[0] * g[1]));
            t.film.visit([&](auto v) {
                for (auto x : v)
                    grey.push_back(static_cast<std::uint8_t>(std::clamp(static_cast<double>(x) / 16, 0.0, 255.0)));
            });
            HILUM_TRY(const std::string png, encodePng(g[0], g[1], 1, 8, std::as_bytes(std::span(grey))));
            const path file = folder / hilum::format("cxr{:02}.png", n + 1);
            HILUM_TRY_STATUS(writeFileAtomically(file, png));
            fact["file"] = file.filename().string();
            facts["png"].push_back(std::move(fact));
        }
    }
    return {};
}

std::vector<Ellipsoid> organs()
{
    return {{"liver", {221, 130, 101}, {-52, -8, 20}, {46, 40, 36}, 60},          {"spleen", {157, 108, 162}, {66, 34, 28}, {20, 26, 24}, 52},
            {"right kidney", {185, 102, 83}, {-46, 52, -28}, {18, 16, 30}, 34},   {"left kidney", {185, 122, 83}, {46, 52, -28}, {18, 16, 30}, 34},
            {"stomach", {216, 132, 105}, {40, -26, 40}, {30, 24, 22}, 12},        {"gallbladder", {139, 150, 98}, {-36, -44, -22}, {12, 14, 16}, 5},
            {"aorta", {224, 60, 60}, {6, 28, 0}, {11, 11, 70}, 150}};
}

// An L, 22 x 40 mm, standing on the skin of the patient's left, seen from the front the right way round; as thick as `deep` mm.
bool inLetter(const Vec3& p)
{
    const double x = p[0] - 96, z = p[2] - 10; // lower corner of the stem
    if (std::abs(p[1] + 20) > 14 || x < 0 || z < 0)
        return false;
    return (x < 6 && z < 40) || (x < 22 && z < 6);
}

// Its centre of gravity: stem of 6 x 40 and, beside it, foot of 16 x 6 mm.
constexpr double StemArea = 6 * 40, FootArea = 16 * 6;
constexpr Vec3 LetterCentre{96 + (StemArea * 3 + FootArea * 14) / (StemArea + FootArea), -20, 10 + (StemArea * 20 + FootArea * 3) / (StemArea + FootArea)};

Status writeTiltedCt(const path& folder, std::uint64_t seed, Json& facts, const Work& work)
{
    const auto bodies = organs();
    // The gantry leans: slices stay parallel, each one turned about the left-right axis, the table moves along z.
    const double tilt = TiltDegrees * 3.14159265358979323846 / 180;
    const Vec3 row{1, 0, 0}, column{0, std::cos(tilt), std::sin(tilt)};
    Geometry g;
    g.size = {240, 200, SlicesMade};
    g.spacingMm = {1, 1, 3};
    g.direction.setColumn(0, row), g.direction.setColumn(1, column), g.direction.setColumn(2, {0, 0, 1});
    g.originLps = {-119.5, -99.5 * std::cos(tilt), -90 - 99.5 * std::sin(tilt)};
    std::vector<std::int16_t> voxels;
    Rng rng = Rng(seed).fork("fixture ct noise");
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i) {
                const Vec3 p = g.indexToWorld({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
                const double body = (p[0] / 112) * (p[0] / 112) + (p[1] / 88) * (p[1] / 88);
                double hu = body > 1 ? -1000 : body > 0.84 ? -100 : -20;
                bool inOrgan = false;
                for (const Ellipsoid& organ : bodies)
                    if (organ.contains(p))
                        hu = organ.value, inOrgan = true;
                const double u = p[0] / 17, v = (p[1] - 62) / 14;
                if (u * u + v * v < 1 && !inOrgan)
                    hu = u * u + v * v > 0.75 ? 650 : 220; // a spine
                if (inLetter(p))
                    hu = 1500;
                voxels.push_back(static_cast<std::int16_t>(std::lround(std::clamp(hu + 6 * (rng.uniform() + rng.uniform() - 1), -1024.0, 3071.0))));
            }
    // the missing slice leaves a gap: two stacks around it are written as one irregular series
    ImageHeader header;
    header.geometry = g;
    header.geometry.size[2] = SlicesMade - 1;
    header.irregular = true;
    header.unit = Unit::Hu;
    header.modality = "CT";
    header.windows = {{.centre = 40, .width = 400, .name = "Soft tissue", .shape = Window::Shape::Linear}};
    const std::size_t slice = static_cast<std::size_t>(g.size[0] * g.size[1]);
    std::vector<std::int16_t> kept;
    for (int k = 0; k < SlicesMade; ++k) {
        if (k == MissingSlice)
            continue;
        header.sliceOriginsLps.push_back(g.indexToWorld({0, 0, static_cast<double>(k)}));
        kept.insert(kept.end(), voxels.begin() + static_cast<std::ptrdiff_t>(slice) * k, voxels.begin() + static_cast<std::ptrdiff_t>(slice) * (k + 1));
    }
    const std::string root = hilum::format("fixture ct {}", seed);
    const DicomStudy study{.patientId = "ELLIPSOIDS", .patientName = "Phantom^Ellipsoids", .patientSex = "O", .ageYears = -1, .studyUid = uidFromText(root + " study"), .studyId = "1",
                           .accession = "CT0001", .description = "Ellipsoids of known volume", .date = "20260120", .time = "110000", .referringPhysician = ""};
    const DicomSeriesInfo series{.seriesUid = uidFromText(root + " series"), .number = 1, .description = "Tilted gantry, one slice missing", .bodyPart = "ABDOMEN", .frameOfReferenceUid = uidFromText(root + " frame")};
    HILUM_TRY(const auto files, writeSliceSeries(Volume(header, std::move(kept)), study, series, folder / "ct", Work{.progress = {}, .stop = work.stop}));

    // what a model would return: labels on an upright 1 x 1 x 3 mm grid, and the same ones under a header whose z axis points the other way
    Geometry upright;
    upright.size = {240, 200, SlicesMade};
    upright.spacingMm = {1, 1, 3};
    upright.originLps = {-119.5, -99.5, -90};
    const LabelMap truth = ellipsoidLabels(upright, bodies);
    HILUM_TRY_STATUS(writeVolume(truth.volume, folder / "ct_ai_ok.nii.gz", "nifti"));
    ImageHeader flipped = truth.volume.header();
    flipped.geometry.direction.setColumn(2, {0, 0, -1}); // the same voxels are said to lie upside down, and elsewhere
    HILUM_TRY_STATUS(writeVolume(truth.volume.withHeader(flipped), folder / "ct_ai_flipped.nii.gz", "nifti"));

    facts["files"] = files.size();
    facts["tilt_degrees"] = TiltDegrees;
    facts["spacing_mm"] = {1, 1, 3};
    const Vec3 below = g.indexToWorld({0, 0, MissingSlice - 1.0}), above = g.indexToWorld({0, 0, MissingSlice + 1.0});
    facts["missing_slice"] = {{"between_position_z_mm", {below[2], above[2]}}, {"after_file", MissingSlice}};
    facts["letter_L"] = {{"centre_lps", LetterCentre}, {"side", "left"}, {"hu", 1500}};
    facts["organs"] = Json::array();
    for (std::size_t n = 0; n < bodies.size(); ++n) {
        const Ellipsoid& b = bodies[n];
        facts["organs"].push_back({{"label", n + 1}, {"name", b.name}, {"volume_ml", b.volumeMm3() / 1000}, {"voxel_layer_ml", b.layerMm3({1, 1, 3}) / 1000}, {"centre_lps", b.centreLps}, {"radii_mm", b.radiiMm}, {"hu", b.value}});
    }
    return {};
}

} // namespace

Status writeFixtures(const path& folder, std::uint64_t seed, const Work& work)
{
    return guard("making the fixtures", [&]() -> Status {
        HILUM_TRY_STATUS(makeFolder(folder));
        Json facts{{"schema", "hilum.facts/1"}, {"seed", seed}, {"cxr", Json::object()}, {"ct", Json::object()}};
        HILUM_TRY_STATUS(writeFilms(folder / "cxr", seed, facts["cxr"], work));
        HILUM_TRY_STATUS(writeTiltedCt(folder, seed, facts["ct"], work));
        work.progress(1, 1, "making the fixtures");
        return writeFileAtomically(folder / "facts.json", facts.dump(2) + "\n");
    });
}

} // namespace hilum::imaging
