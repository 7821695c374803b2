#include "core/base/log.h"
#include "core/services/importer.h"
#include "core/services/job_runner.h"
#include "core/services/prepare.h"
#include "core/services/worker_process.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/small_dicom.h"

using namespace hilum;
using namespace hilum::services;

/// No name, identifier or path of a patient in job files, run folders, caches, logs or process titles.
class TestPrivacy : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    std::vector<std::string> m_log;

    // each of them stands in files or their paths
    static constexpr const char* Secrets[] = {"Sikret", "Pazient", "ID-4711", "1.2.826.0.1.3680043.10.55", "folder of Sikret"};

    static std::string foundIn(const std::string& text)
    {
        for (const char* secret : Secrets)
            if (text.find(secret) != std::string::npos)
                return secret;
        return {};
    }

private Q_SLOTS:
    void nothingOfAPatientIsKept()
    {
        const int sink = log::addSink([this](const log::Record& r) { m_log.push_back(r.category + " " + r.text + " " + jsonLine(r.fields)); }, log::Level::Debug);
        const path home = m_home.where(), data = home / "folder of Sikret^Pazient";
        const std::string root = "1.2.826.0.1.3680043.10.55.";
        for (int i = 0; i < 3; ++i)
            QVERIFY(hilum::tests::writeSmallDicom(data / hilum::format("Sikret {}.dcm", i), {.patientName = "Sikret^Pazient", .patientId = "ID-4711", .studyUid = root + std::to_string(i),
                                                                                             .seriesUid = root + std::to_string(i) + ".1", .instanceUid = root + std::to_string(i) + ".1.1"}));
        QVERIFY2(!foundIn(*readTextFile(data / "Sikret 0.dcm")).empty(), "the search must find what is there");
        // a file that is refused is named by its reason only
        std::filesystem::copy_file(data / "Sikret 0.dcm", data / "Sikret broken.dcm");
        std::filesystem::resize_file(data / "Sikret broken.dcm", 900);

        const Json pipeline = {{"kind", "radiograph"}, {"size", {16, 16}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", "lung-contour"}, {"mean", 0.5}, {"std", 0.5}};
        for (const path& out : {path(), home / "cache of Sikret"}) {
            const auto cache = prepare({.data = {data}, .method = "slow", .pipeline = pipeline, .out = out}, {});
            HILUM_VERIFY_OK(cache);
            QCOMPARE(cache->cases, std::int64_t(3));
            QCOMPARE(cache->patients, std::int64_t(1));
            JobRunner runner(nullptr);
            const auto id = runner.start({.method = "slow", .preset = "tiny", .title = "Sikret's films", .options = Json::object(), .cache = cache->folder});
            HILUM_VERIFY_OK(id);
            QTRY_VERIFY(runner.job(*id)->lastCheckpoint > 0);
            if (out.empty()) { // a folder that a person names is his own words; the default one must not tell
                const auto title = readTextFile("/proc/" + std::to_string(runner.job(*id)->pid) + "/cmdline");
                HILUM_VERIFY_OK(title);
                QCOMPARE(foundIn(*title), std::string());
            }
            HILUM_VERIFY_OK(runner.cancel(*id));
            QTRY_VERIFY(runner.job(*id)->state == JobState::Cancelled);
            for (const path& folder : {runner.job(*id)->run, cache->folder})
                for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
                    QCOMPARE(foundIn(entry.path().lexically_relative(folder).string()), std::string());
                    if (entry.is_regular_file())
                        QVERIFY2(foundIn(*readTextFile(entry.path())).empty(), entry.path().c_str());
                }
        }
        // importing writes the names into the library, and nowhere else
        auto library = project::Library::open(home / "library");
        HILUM_VERIFY_OK(importPaths(**library, {data}, {}));
        log::removeSink(sink);
        QVERIFY(!m_log.empty());
        for (const std::string& line : m_log)
            QVERIFY2(foundIn(line).empty(), line.c_str());
    }
};

QTEST_GUILESS_MAIN(TestPrivacy)
#include "tst_privacy.moc"
