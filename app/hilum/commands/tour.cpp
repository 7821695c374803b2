#include "app/hilum/commands/command.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/read.h"

#include <QCoreApplication>
#include <QFile>
#include <QProcess>
#include <QStandardPaths>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string out, script;
    std::int64_t studies = 8;
    std::uint64_t seed = 1;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

/// What the probe says when the pointer is in the middle of a view that shows one of these slices whole, as a regular expression: place, value and label's name as the
/// files have them. The pointer may be some voxels beside the image's middle.
Result<std::string> probePattern(const imaging::Volume& ct, const imaging::LabelMap* labels, std::initializer_list<std::int64_t> slices)
{
    constexpr std::int64_t Beside = 2;
    const Index3& n = ct.geometry().size;
    if (labels && labels->volume.geometry().size != n)
        return fail(ErrorCode::Internal, "the demo studies' labels are on another grid than their CT");
    std::string out;
    bool named = false;
    for (const std::int64_t k : slices)
        for (std::int64_t j = n[1] / 2 - Beside; j <= n[1] / 2 + Beside; ++j)
            for (std::int64_t i = n[0] / 2 - Beside; i <= n[0] / 2 + Beside; ++i) {
                std::string label;
                if (labels) {
                    const auto value = std::llround(labels->volume.at(i, j, k));
                    const auto found = std::ranges::find(labels->labels, value, &imaging::Label::value);
                    if (found != labels->labels.end())
                        label = "  \u00b7 " + found->name, named = true;
                }
                out += hilum::format("{}voxel \\({}, {}, {}\\)  {} HU{}$", out.empty() ? "" : "|", i, j, k, std::llround(ct.at(i, j, k)), label);
            }
    if (labels && !named)
        return fail(ErrorCode::Internal, "no label of the demo studies lies in the middle of their CT");
    return out;
}

/// What the script compares with, read from the files by the command line's own way, not by the window.
Result<Variables> expectations(const path& studies, const path& fixtures, const Work& work)
{
    Variables out;
    HILUM_TRY(const imaging::ScanResult found, imaging::scan({studies}, work));
    std::size_t films = 0;
    std::string film;
    for (const imaging::Item& item : found.items) {
        if (item.kind == imaging::ItemKind::Image && films++ == 0)
            film = item.seriesDescription;
        if (item.kind == imaging::ItemKind::Volume && item.modality == "CT" && out.empty()) {
            HILUM_TRY(const imaging::Volume ct, imaging::readVolume(item, {.spacing = imaging::SpacingPolicy::Regularise}, work));
            const Index3& n = ct.geometry().size;
            out.emplace_back("CT_DESCRIPTION", item.seriesDescription);
            const std::int64_t middle = n[2] / 2;
            HILUM_TRY(const std::string centre, probePattern(ct, nullptr, {middle - 1, middle}));
            out.emplace_back("CT_CENTRE", centre);
            const auto seg = std::ranges::find_if(found.items, [&](const imaging::Item& other) { return other.kind == imaging::ItemKind::Segmentation && other.studyUid == item.studyUid; });
            if (seg == found.items.end())
                return fail(ErrorCode::Internal, "the demo studies lack the labels of their CT");
            HILUM_TRY(const imaging::LabelMap labels, imaging::readLabelMap(*seg, work));
            HILUM_TRY(const std::string labelled, probePattern(ct, &labels, {middle - 6, middle - 5, middle + 4, middle + 5})); // five slices on, either way
            out.emplace_back("CT_MOVED_LABELLED", labelled);
            out.emplace_back("CT_LABELS", std::filesystem::absolute(seg->files.front()).string());
        }
    }
    if (out.empty() || films == 0)
        return fail(ErrorCode::Internal, "the demo studies lack a CT or a radiograph");
    out.emplace_back("FILM_DESCRIPTION", film);
    out.emplace_back("SERIES", std::to_string(found.items.size()));
    out.emplace_back("STUDIES_DIR", std::filesystem::absolute(studies).string());
    HILUM_TRY(const imaging::ScanResult cxr, imaging::scan({fixtures / "cxr"}, work));
    out.emplace_back("CXR_DIR", std::filesystem::absolute(fixtures / "cxr").string());
    out.emplace_back("CXR_REFUSED", std::to_string(cxr.refused.size()));
    return out;
}

/// A new folder for the studies, the fixtures and the library of a tour. Of what is there already only an earlier tour's is removed, which its mark tells.
Result<path> newData(const path& out)
{
    const path data = out / "tour-data", mark = data / ".made-by-hilum-tour";
    HILUM_TRY(const bool there, isThere(data));
    HILUM_TRY(const bool ours, isThere(mark));
    if (there && !ours)
        return fail(ErrorCode::Usage, "{} is there and was not made by a tour, which would have to replace it: move it away or choose another folder", data.string());
    std::error_code error;
    std::filesystem::remove_all(data, error);
    if (error)
        return std::unexpected(systemError("remove", data.string(), error.value()));
    HILUM_TRY_STATUS(makeFolder(data));
    HILUM_TRY_STATUS(writeFileAtomically(mark, "The next tour into the folder above removes this folder.\n"));
    return data;
}

Status runTour(const Arguments& a)
{
    const Work work = consoleWork();
    const path out = std::filesystem::absolute(a.out);
    HILUM_TRY_STATUS(makeFolder(out));
    HILUM_TRY(const path data, newData(out));
    std::fputs("making the studies\n", stderr);
    HILUM_TRY_STATUS(imaging::writeDemoStudies(data / "studies", a.seed, static_cast<int>(a.studies), imaging::ThoraxPreset::Small, work));
    HILUM_TRY_STATUS(imaging::writeFixtures(data / "fixtures", a.seed, work));
    HILUM_TRY(const Variables variables, expectations(data / "studies", data / "fixtures", work));

    path script = a.script;
    if (script.empty()) {
        QFile file(":/tour/tour.jsonl");
        if (!file.open(QIODevice::ReadOnly))
            return fail(ErrorCode::Internal, "the tour's script is not part of this program");
        script = data / "tour.jsonl";
        HILUM_TRY_STATUS(writeFileAtomically(script, file.readAll().toStdString()));
    }

    QStringList command{QCoreApplication::applicationFilePath(), "--test", QString::fromStdString(script.string()), "--out", QString::fromStdString(out.string())};
    for (const auto& [name, value] : variables)
        command << "--set" << QString::fromStdString(name + "=" + value);
    const char* display = std::getenv("DISPLAY");
    const char* wayland = std::getenv("WAYLAND_DISPLAY");
    if (!(display && *display) && !(wayland && *wayland)) {
        const QString xvfb = QStandardPaths::findExecutable("xvfb-run");
        if (xvfb.isEmpty())
            return fail(ErrorCode::Device, "there is no display, and xvfb-run, which makes a virtual one, is not installed");
        command = QStringList{xvfb, "-a", "-s", "-screen 0 1600x1000x24"} + command;
    }
    QProcess window;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("HILUM_HOME", QString::fromStdString((data / "home").string())); // the person's own library is left alone
    window.setProcessEnvironment(environment);
    window.setProcessChannelMode(QProcess::ForwardedChannels);
    window.start(command.takeFirst(), command);
    if (!window.waitForStarted())
        return fail(ErrorCode::Internal, "the window could not be started: {}", window.errorString().toStdString());
    while (!window.waitForFinished(200))
        if (work.cancelled()) {
            window.terminate();
            window.waitForFinished(5000);
            return fail(ErrorCode::Cancelled, "stopped");
        }
    if (window.exitStatus() != QProcess::NormalExit)
        return fail(ErrorCode::CheckFailed, "the window crashed during the tour");
    if (window.exitCode() != 0)
        return fail(ErrorCode::CheckFailed, "the tour failed; its last picture is in {}", out.string());
    print(hilum::format("the tour passed; its pictures are in {}", out.string()));
    return {};
}

} // namespace

Run declareTour(CLI::App& verb)
{
    verb.description("drives the real window through every workspace and checks what it shows; one picture a step");
    auto a = std::make_shared<Arguments>();
    verb.add_option("--out", a->out, "folder for the pictures, and for tour-data with what the tour works on")->required();
    verb.add_option("--script", a->script, "another script than the built-in one");
    verb.add_option("--studies", a->studies, "how many made-up patients")->check(CLI::Range(5, 100));
    verb.add_option("--seed", a->seed, "of the patients");
    return [a] { return runTour(*a); };
}

} // namespace hilum::commands
