#include "core/view/method_answer.h"

#include "tests/support/compare.h"

#include <QTest>

#include <algorithm>
#include <numeric>

using namespace hilum;
using namespace hilum::view;

namespace {

/// A block whose value at (i, j, k) is 100 k + 10 j + i.
std::vector<float> counted(std::int64_t w, std::int64_t h, std::int64_t d)
{
    std::vector<float> out;
    for (std::int64_t k = 0; k < d; ++k)
        for (std::int64_t j = 0; j < h; ++j)
            for (std::int64_t i = 0; i < w; ++i)
                out.push_back(static_cast<float>(100 * k + 10 * j + i));
    return out;
}

} // namespace

/// Volumes as methods answer with them, and their slices as they lie on the screen.
class TestMethodAnswer : public QObject {
    Q_OBJECT
    std::unique_ptr<TemporaryFolder> m_folder;
    path file() const { return m_folder->where() / "answer.safetensors"; }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<TemporaryFolder>(*TemporaryFolder::make()); }

    void readsWhatDaeShows()
    {
        const auto input = counted(4, 3, 2);
        std::vector<float> error(24, 0.5f);
        error[7] = -2;
        const std::vector<std::uint8_t> channels{1, 0, 1, 1};
        const std::vector<float> similar{1, 0.5f, 0.5f, 1};
        TensorFileWriter out;
        out.add<float>("input", {1, 2, 3, 4}, input);
        out.add<float>("corrupted", {1, 2, 3, 4}, input);
        out.add<float>("error", {1, 2, 3, 4}, error);
        out.add<std::uint8_t>("channel_mask", {4}, channels);
        out.add<float>("cmcl_similarity", {2, 2}, similar);
        out.setMetadata("numbers", R"({"crop_box": [10, 20, 30, 14, 23, 32], "loss": 0.25})");
        HILUM_VERIFY_OK(out.write(file()));
        const auto answer = readVolumeAnswer(file());
        HILUM_VERIFY_OK(answer);
        QCOMPARE(answer->input.at(3, 2, 1), 123.0f);
        QVERIFY(answer->reconstruction.isEmpty());
        QCOMPARE(answer->offset(), (std::array<std::int64_t, 3>{10, 20, 30}));
        QCOMPARE(answer->largestError(), 2.0);
        QCOMPARE(answer->meanError(), (23 * 0.5 + 2) / 24);
        QCOMPARE(QString::fromStdString(answerText(*answer, {{"loss", 0.25}})), QStringLiteral("3 of 4 channels masked, not pixels · loss 0.2500 · mean error 0.562"));
        // each disturbance by itself, those that the worker tells
        Json numbers = {{"loss", 0.25}, {"loss_noise", 0.0512}, {"loss_decimation", 0.15}, {"loss_channels", 0.2}};
        QCOMPARE(QString::fromStdString(answerText(*answer, numbers)),
                 QStringLiteral("3 of 4 channels masked, not pixels · loss 0.2500 · alone: noise 0.0512, decimation 0.1500, hidden channels 0.2000 · mean error 0.562"));
        numbers.erase("loss_noise");
        QVERIFY(QString::fromStdString(answerText(*answer, numbers)).contains(QStringLiteral("· alone: decimation 0.1500, hidden channels 0.2000 ·")));
        QCOMPARE(answer->digest.size(), std::size_t{64});
    }
    void readsWhatVocoShows()
    {
        const auto input = counted(4, 4, 1);
        const std::vector<std::int64_t> bases{0, 0, 0, 2, 2, 1, 2, 0, 0, 4, 2, 1}, crops{1, 0, 0, 3, 2, 1};
        const std::vector<float> overlap{0.5f, 0.5f}, similarity{1, 0, 0, 1};
        TensorFileWriter out;
        out.add<float>("input", {1, 1, 4, 4}, input);
        out.add<std::int64_t>("base_boxes", {2, 6}, bases);
        out.add<std::int64_t>("crop_boxes", {1, 6}, crops);
        out.add<float>("overlap", {1, 2}, overlap);
        out.add<float>("overlap_predicted", {1, 2}, overlap);
        out.add<float>("base_similarity", {2, 2}, similarity);
        HILUM_VERIFY_OK(out.write(file()));
        const auto answer = readVolumeAnswer(file());
        HILUM_VERIFY_OK(answer);
        QCOMPARE(answer->baseBoxes[1], (Box{2, 0, 0, 4, 2, 1}));
        const auto truth = baseOverlap(answer->cropBoxes[0], answer->baseBoxes);
        QCOMPARE(truth, (std::vector{0.5, 0.5}));
        QVERIFY(answerText(*answer, Json::object()).starts_with("2 x 1 base crops, 1 random"));
    }
    void readsTheAttentionOfUnimedi()
    {
        const auto input = counted(4, 4, 6);
        std::vector<float> map(12, 0);
        map[11] = 0.75f; // slab 2, row 1, column 1
        map[0] = 0.25f;
        const std::vector<float> cosines{0.1f, 0.5f, -0.2f, 0.5f};
        TensorFileWriter out;
        out.add<float>("input", {1, 6, 4, 4}, input);
        out.add<float>("attention", {3, 2, 2}, map);
        out.add<float>("similarity", {1, 4}, cosines);
        HILUM_VERIFY_OK(out.write(file()));
        const auto answer = readVolumeAnswer(file());
        HILUM_VERIFY_OK(answer);
        QCOMPARE(answer->attention.depth, 3);
        QCOMPARE(answer->largestAttention(), 0.75);
        // two slices, rows and columns of the input belong to a token; the largest i and j lie left and on top of an axial slice
        const Block on = spread(answer->attention, {4, 4, 6});
        QVERIFY(on.sameSize(answer->input));
        QCOMPARE(on.at(2, 2, 4), 0.75f);
        QCOMPARE(on.at(1, 2, 4), 0.0f);
        QCOMPARE(on.at(1, 1, 1), 0.25f);
        QCOMPARE(on.at(1, 1, 2), 0.0f);
        for (const SlicePlane plane : {SlicePlane::Axial, SlicePlane::Coronal, SlicePlane::Sagittal}) {
            const SliceFrame frame = frameOf(answer->input, plane);
            for (std::int64_t slice = 0; slice < frame.slices(); ++slice)
                QCOMPARE(tokenSlice(answer->attention, frame, slice), sliceOf(on, plane, slice));
        }
        QCOMPARE(tokenSlice(answer->attention, frameOf(answer->input, SlicePlane::Axial), 5).front(), 0.75f);
        QVERIFY_THROWS_EXCEPTION(std::out_of_range, tokenSlice(answer->attention, frameOf(answer->input, SlicePlane::Axial), 6));
        QCOMPARE(nearest(answer->similarity, 0, 3), (std::vector<std::int64_t>{1, 3, 0}));
        QCOMPARE(nearest(answer->similarity, 0, 9).size(), std::size_t{4});
    }
    void refusesWhatDoesNotFit_data()
    {
        QTest::addColumn<int>("fault");
        QTest::addColumn<QString>("says");
        QTest::newRow("another size") << 0 << "array error has 2 x 3 x 3 voxels where input has 2 x 3 x 4";
        QTest::newRow("box outside") << 1 << "box 0 of base_boxes reaches from 0 to 5 along axis 0, the volume has 4 voxels there";
        QTest::newRow("table of another size") << 2 << "array base_similarity is 2 x 2 where 1 x 1 is expected";
        QTest::newRow("crop of another size") << 3 << "crop_box = [0,0,0,9,3,2] is 9 voxels long on axis 0, the arrays are 4";
        QTest::newRow("chosen slice") << 4 << "slices_chosen names slice 7, there are 2 scores";
        QTest::newRow("no input") << 5 << "the answer holds no array input";
        QTest::newRow("more tokens than voxels") << 7 << "array attention has 2 x 3 x 5 tokens where input has 2 x 3 x 4 voxels";
        QTest::newRow("not finite") << 6 << "array cmcl_similarity holds a value that is not finite";
    }
    void refusesWhatDoesNotFit()
    {
        QFETCH(int, fault);
        QFETCH(QString, says);
        const auto input = counted(4, 3, 2), small = counted(3, 3, 2);
        const std::vector<std::int64_t> box{0, 0, 0, fault == 1 ? 5 : 4, 3, 2}, chosen{7};
        const std::vector<float> four(4, 1), scores{1, 2}, bad{std::numeric_limits<float>::quiet_NaN()};
        TensorFileWriter out;
        if (fault != 5)
            out.add<float>("input", {1, 2, 3, 4}, input);
        if (fault == 0)
            out.add<float>("error", {1, 2, 3, 3}, small);
        if (fault == 1 || fault == 2)
            out.add<std::int64_t>("base_boxes", {1, 6}, box);
        if (fault == 2)
            out.add<float>("base_similarity", {2, 2}, four);
        if (fault == 3)
            out.setMetadata("numbers", R"({"crop_box": [0, 0, 0, 9, 3, 2]})");
        if (fault == 4) {
            out.add<float>("slice_scores", {2}, scores);
            out.add<std::int64_t>("slices_chosen", {1}, chosen);
        }
        const std::vector<float> fine(30, 1);
        if (fault == 7)
            out.add<float>("attention", {2, 3, 5}, fine);
        if (fault == 6)
            out.add<float>("cmcl_similarity", {1, 1}, bad);
        HILUM_VERIFY_OK(out.write(file()));
        const auto answer = readVolumeAnswer(file());
        QVERIFY(!answer);
        QVERIFY2(answer.error().message == says.toStdString(), answer.error().message.c_str());
    }
    void slicesLieAsARadiologistExpects()
    {
        const Block block{.width = 4, .height = 3, .depth = 2, .values = counted(4, 3, 2)};
        // axial: the patient's right (largest i) on the left, anterior (largest j) on top
        const auto axial = sliceOf(block, SlicePlane::Axial, 1);
        QCOMPARE(axial.front(), 123.0f);
        QCOMPARE(axial.back(), 100.0f);
        // coronal: right on the left, superior (largest k) on top
        const auto coronal = sliceOf(block, SlicePlane::Coronal, 2);
        QCOMPARE(coronal.front(), 123.0f);
        QCOMPARE(coronal[3], 120.0f);
        QCOMPARE(coronal.back(), 20.0f);
        // sagittal: anterior on the left, superior on top
        const auto sagittal = sliceOf(block, SlicePlane::Sagittal, 0);
        QCOMPARE(sagittal.front(), 120.0f);
        QCOMPARE(sagittal.back(), 0.0f);
        for (const SlicePlane plane : {SlicePlane::Axial, SlicePlane::Coronal, SlicePlane::Sagittal}) {
            const SliceFrame frame = frameOf(block, plane);
            for (const std::array<double, 3> ijk : {std::array{0.0, 0.0, 0.0}, {3.0, 2.0, 1.0}, {1.5, 0.25, 0.75}}) {
                const auto at = frame.screen(ijk);
                QCOMPARE(frame.voxel(at[0], at[1], at[2]), ijk);
            }
        }
        QVERIFY_THROWS_EXCEPTION(std::out_of_range, sliceOf(block, SlicePlane::Axial, 2));
    }
    void greyRangeFollowsTheValues()
    {
        QCOMPARE(greyRange(std::vector<float>{0, 0.25f, 1}), (std::array{0.0, 1.0}));
        std::vector<float> scores(1001);
        std::iota(scores.begin(), scores.end(), -500.0f);
        const auto range = greyRange(scores);
        QCOMPARE(range[0], -495.0);
        QCOMPARE(range[1], 495.0);
        QCOMPARE(greyRange({}), (std::array{0.0, 1.0}));
    }
};

QTEST_APPLESS_MAIN(TestMethodAnswer)
#include "tst_method_answer.moc"
