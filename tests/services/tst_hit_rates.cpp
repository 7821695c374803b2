#include "core/services/hit_rates.h"

#include "tests/support/compare.h"

#include <QTest>

#include <filesystem>
#include <memory>

using namespace hilum;
using namespace hilum::services;

namespace {

/// A run with radiographs alone; `at_5` has no interval, and nothing is told of the network before training.
Json evaluation()
{
    return {{"schema", "hilum.evaluation/1"}, {"held_out_patients", 60}, {"step", 400}, {"weights_sha256", "aa"},
            {"recall_at_1_image_to_report_radiograph", 0.1667}, {"chance_at_1_image_to_report_radiograph", 0.0208}, {"untrained_recall_at_1_image_to_report_radiograph", 0.0167},
            {"recall_at_5_image_to_report_radiograph", 0.3667}, {"chance_at_5_image_to_report_radiograph", 0.106}, {"recall_at_1_report_to_image_radiograph", 0.25},
            {"intervals", {{"recall_at_1_image_to_report_radiograph", {{"low", 0.0833}, {"high", 0.2667}, {"level", 0.95}}}}}, {"cases", {{"a", {{"held_out_loss", 1}}}}}};
}

} // namespace

/// How often a model found reports, as its run's evaluation.json has it.
class TestHitRates : public QObject {
    Q_OBJECT
    std::unique_ptr<TemporaryFolder> m_folder;

private Q_SLOTS:
    void init() { m_folder = std::make_unique<TemporaryFolder>(*TemporaryFolder::make()); }

    void eachPoolHasItsNumbers()
    {
        QCOMPARE(QString::fromStdString(hitRateText(evaluation(), RetrievalPool::Radiographs)),
                 QStringLiteral("image to report, first: 17 % [8, 27], chance 2.1 %, before training 2 %\n"
                                "image to report, among the first 5: 37 %, chance 10.6 %\n"
                                "report to image, first: 25 %\n"
                                "60 held-out patients"));
        QCOMPARE(hitRateText(evaluation(), RetrievalPool::Volumes), std::string("No hit rates: no CT was held out."));
        QVERIFY(hitRateText(evaluation(), RetrievalPool::Both).starts_with("No hit rates of both kinds together"));
        Json mixed = evaluation();
        mixed["recall_at_5_report_to_image_both"] = 1.0;
        QVERIFY(hitRateText(mixed, RetrievalPool::Both).starts_with("report to image, among the first 5: 100 %\n60 held-out"));
        QCOMPARE(hitRateText(Json(), RetrievalPool::Radiographs), std::string("No hit rates: no radiograph was held out."));
    }
    void itIsFoundFromTheRunItsModelAndItsCheckpoints()
    {
        const path run = m_folder->where() / "run", checkpoint = run / "checkpoints" / "step-20";
        std::filesystem::create_directories(checkpoint);
        for (const path& model : {run / "model.safetensors", checkpoint / "model.safetensors"})
            HILUM_VERIFY_OK(writeFileAtomically(model, "weights"));
        const auto none = evaluationOf(run);
        QVERIFY(!none && none.error().code == ErrorCode::NotFound && none.error().message.starts_with("run holds no evaluation.json"));
        HILUM_VERIFY_OK(writeFileAtomically(run / "evaluation.json", evaluation().dump()));
        for (const path& model : {run, path(run.string() + "/"), run / "model.safetensors", checkpoint, checkpoint / "model.safetensors"}) {
            const auto found = evaluationOf(model);
            HILUM_VERIFY_OK(found);
            QCOMPARE(found->at("held_out_patients"), Json(60));
            QVERIFY(!found->contains("cases"));
        }
    }
    void otherFilesAreRefused()
    {
        const path file = m_folder->where() / "evaluation.json";
        HILUM_VERIFY_OK(writeFileAtomically(file, R"({"schema": "hilum.classification/1"})"));
        HILUM_VERIFY_ERROR(evaluationOf(m_folder->where()), ErrorCode::WrongVersion);
        HILUM_VERIFY_OK(writeFileAtomically(file, "[1, 2]"));
        HILUM_VERIFY_ERROR(evaluationOf(m_folder->where()), ErrorCode::WrongVersion);
        HILUM_VERIFY_OK(writeFileAtomically(file, "{\"schema\":"));
        HILUM_VERIFY_ERROR(evaluationOf(m_folder->where()), ErrorCode::BadData);
    }
    void numbersOfOtherWeightsAreNamed()
    {
        QVERIFY(otherWeightsText(evaluation(), {{"weights_sha256", "aa"}}).empty());
        QCOMPARE(otherWeightsText(evaluation(), {{"weights_sha256", "bb"}}), std::string("Of the weights at step 400, not of those shown:"));
        Json silent = evaluation();
        silent.erase("step");
        QCOMPARE(otherWeightsText(silent, Json()), std::string("Of other weights than those shown:"));
        silent.erase("weights_sha256");
        QVERIFY(otherWeightsText(silent, {{"weights_sha256", "aa"}}).starts_with("The evaluation does not say"));
    }
};

QTEST_APPLESS_MAIN(TestHitRates)
#include "tst_hit_rates.moc"
