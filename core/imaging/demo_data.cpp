#include "core/imaging/demo_data.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/png_write.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <string>

namespace hilum::imaging {

namespace {

constexpr int Kinds = 5; ///< of FindingKind

Work quiet(const Work& work) { return Work{.progress = {}, .stop = work.stop}; }

/// "patient_id,finding_labels" and a column for each kind.
std::string findingColumns()
{
    std::string out = "patient_id,finding_labels";
    for (int k = 0; k < Kinds; ++k)
        out += hilum::format(",{}", name(static_cast<FindingKind>(k)));
    return out + "\n";
}

/// A person's row of these: kinds joined by |, then 0/1 for each.
std::string findingRow(const ThoraxPhantom& thorax)
{
    std::string findings, flags;
    for (int k = 0; k < Kinds; ++k) {
        const bool has = std::ranges::any_of(thorax.findings, [&](const ThoraxFinding& f) { return f.kind == static_cast<FindingKind>(k); });
        if (has)
            findings += hilum::format("{}{}", findings.empty() ? "" : "|", name(static_cast<FindingKind>(k)));
        flags += has ? ",1" : ",0";
    }
    return hilum::format("{},{}{}\n", thorax.person.id, findings.empty() ? "No Finding" : findings, flags);
}

std::string digestOf(const Volume& volume)
{
    return volume.visit([](auto values) { return sha256Hex(std::as_bytes(values)); });
}

/// Usage when a folder of slices holds others than those that will be written: with them they would be one series. Hidden files (.DS_Store) are no slices: scan() passes them over.
Status checkNoOtherSlices(const path& folder, std::int64_t count)
{
    HILUM_TRY(const bool there, isFolder(folder));
    if (!there)
        return {};
    std::set<std::string> ours;
    for (std::int64_t k = 0; k < count; ++k)
        ours.insert(sliceFileName(k));
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (const std::string file = it->path().filename().string(); !file.starts_with('.') && !ours.contains(file))
            return fail(ErrorCode::Usage, "{} holds {} already, which is none of the {} slices that are to be written there; choose another folder", folder.string(), file, count);
    if (error)
        return std::unexpected(systemError("read the folder", folder.string(), error.value()));
    return {};
}

} // namespace

Status writeThoraxStudy(const ThoraxPhantom& t, std::uint64_t seed, int number, const path& folder, const Work& work)
{
    HILUM_TRY_STATUS(checkNoOtherSlices(folder / "ct", t.ct.geometry().size[2]));
    // one UID, one content (PS3.5, 9): the same person in another size, with other findings or on another visit is another study
    const std::string root = hilum::format("thorax {} {} {} {} {}", seed, number, t.person.id, digestOf(t.ct), digestOf(t.film));
    DicomStudy study{.patientId = t.person.id, .patientName = t.person.name, .patientSex = t.person.sex, .ageYears = t.person.ageYears,
                     .studyUid = uidFromText(root), .studyId = std::to_string(number), .accession = hilum::format("DEMO{:04}", number),
                     .description = "Chest, made-up person", .date = hilum::format("202601{:02}", 1 + number % 28), .time = hilum::format("{:02}3000", 8 + number % 10),
                     .referringPhysician = ""};
    const auto series = [&](const char* name, int n, std::string description) {
        return DicomSeriesInfo{.seriesUid = uidFromText(root + " " + name), .number = n, .description = std::move(description), .frameOfReferenceUid = uidFromText(root + " frame")};
    };
    HILUM_TRY(const auto slices, writeSliceSeries(t.ct, study, series("ct", 2, "Chest CT"), folder / "ct", quiet(work)));
    auto film = series("dx", 1, "Chest PA");
    film.frameOfReferenceUid.clear();
    HILUM_TRY(const auto radiograph, writeRadiograph(t.film, study, film, folder / "dx" / "film.dcm", {.voiLut = {}, .madeBy = "made by projecting a made-up CT"}));
    HILUM_TRY(const auto segmentation, writeSegmentation(t.labels, study, series("seg", 3, "Organs and lesions"), slices, folder / "seg" / "labels.dcm"));
    std::vector<DicomReportSection> sections;
    for (const auto& sentence : t.report.sentences) {
        if (sections.empty() || sections.back().title != sentence.section)
            sections.push_back({sentence.section, {}});
        sections.back().sentences.push_back(sentence.text);
    }
    auto report = series("sr", 4, "Report");
    report.frameOfReferenceUid.clear();
    HILUM_TRY(const auto structured, writeStructuredReport(sections, study, report, {radiograph, slices.front()}, folder / "sr" / "report.dcm"));
    return {};
}

Status writeDemoStudies(const path& folder, std::uint64_t seed, int count, ThoraxPreset preset, const Work& work)
{
    if (count < 1 || count > 100000)
        return fail(ErrorCode::Options, "count = {} is outside [1, 100000]", count);
    std::string table = findingColumns();
    for (int n = 0; n < count; ++n) {
        work.progress(n, count, "making studies");
        ThoraxOptions options{.seed = seed + static_cast<std::uint64_t>(n), .preset = preset, .findings = std::nullopt, .visit = 0};
        if (n == 0)
            options.findings.emplace();
        else if (n <= 5)
            options.findings = {static_cast<FindingKind>(n - 1)};
        HILUM_TRY(const ThoraxPhantom thorax, makeThorax(options, quiet(work)));
        HILUM_TRY_STATUS(writeThoraxStudy(thorax, options.seed, n + 1, folder / hilum::format("person-{}", n + 1), work));
        table += findingRow(thorax);
    }
    work.progress(count, count, "making studies");
    return writeFileAtomically(folder / "labels.csv", table);
}

Status writeCohort(const path& folder, std::uint64_t seed, int count, ThoraxPreset preset, const Work& work)
{
    if (count < 2 || count > 100000)
        return fail(ErrorCode::Options, "count = {} is outside [2, 100000]", count);
    HILUM_TRY_STATUS(makeFolder(folder / "images"));
    std::string table = "filename," + findingColumns();
    for (int n = 0; n < count; ++n) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped after {} of {} films", n, count);
        work.progress(n, count, "making films");
        ThoraxOptions options{.seed = seed + static_cast<std::uint64_t>(n), .preset = preset, .findings = std::vector<FindingKind>{}, .visit = 0};
        if (n % 2 == 1)
            options.findings->push_back(static_cast<FindingKind>(n / 2 % Kinds));
        HILUM_TRY(const ThoraxPhantom thorax, makeThorax(options, quiet(work)));
        const auto& size = thorax.film.geometry().size;
        std::vector<std::uint8_t> grey;
        grey.reserve(static_cast<std::size_t>(size[0] * size[1]));
        thorax.film.visit([&](auto values) {
            for (const auto v : values)
                grey.push_back(static_cast<std::uint8_t>(std::clamp(static_cast<double>(v) / 16, 0.0, 255.0))); // 12 bit
        });
        HILUM_TRY(const std::string png, encodePng(size[0], size[1], 1, 8, std::as_bytes(std::span(grey))));
        const std::string file = hilum::format("film-{:05}.png", n + 1);
        HILUM_TRY_STATUS(writeFileAtomically(folder / "images" / file, png));
        table += file + "," + findingRow(thorax);
    }
    work.progress(count, count, "making films");
    return writeFileAtomically(folder / "labels.csv", table);
}

} // namespace hilum::imaging
