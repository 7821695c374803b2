#include "core/services/preview_pictures.h"

#include "core/base/tensor_file.h"
#include "tests/support/compare.h"

#include <QTest>

using namespace hilum;
using namespace hilum::services;
using What = PreviewPicture::What;

namespace {

int grey(const PreviewPicture& one, std::int64_t x, std::int64_t y)
{
    return one.picture.rgb[static_cast<std::size_t>((y * one.picture.width + x) * 3)];
}

/// A volume [1, 6, 2, 4]: slice k has the grey value k / 10, but for its first voxel (i = j = 0), which is white.
std::vector<float> steps()
{
    std::vector<float> out;
    for (int k = 0; k < 6; ++k)
        for (int n = 0; n < 8; ++n)
            out.push_back(n == 0 ? 1.0f : static_cast<float>(k) / 10);
    return out;
}

} // namespace

/// As the methods write them (resources/docs/dev/worker_protocol.md).
class TestPreviewPictures : public QObject {
    Q_OBJECT
    Result<TemporaryFolder> m_folder = TemporaryFolder::make();
    path file() const { return m_folder->where() / "case.safetensors"; }
    Result<std::vector<PreviewPicture>> written(const TensorFileWriter& writer) const
    {
        HILUM_TRY_STATUS(writer.write(file()));
        return previewPictures(file());
    }

private Q_SLOTS:
    void ofHiddenPlaces()
    {
        const std::vector<float> white(16, 1), black(16, 0);
        const std::vector<std::uint8_t> mask{1, 0, 0, 0};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 4, 4}, white);
        for (const char* name : {"corrupted", "reconstruction", "error"})
            writer.add<float>(name, {1, 4, 4}, black);
        writer.add<std::uint8_t>("mask", {2, 2}, mask);
        const auto made = written(writer);
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->size(), std::size_t{3});
        QVERIFY((*made)[0].what == What::Original && (*made)[1].what == What::Disrupted && (*made)[2].what == What::PastedBack);
        QCOMPARE((*made)[0].slice, std::int64_t{-1});
        QCOMPARE(grey((*made)[2], 0, 0), 0);
        QCOMPARE(grey((*made)[2], 3, 3), 255);
    }
    void ofAVolumeThatIsRestored() // a sentence about an array that this method does not write stood in their place
    {
        const auto input = steps();
        std::vector<float> restored = input, disrupted(input.size(), 0);
        TensorFileWriter writer;
        writer.add<float>("input", {1, 6, 2, 4}, input);
        writer.add<float>("corrupted", {1, 6, 2, 4}, disrupted);
        writer.add<float>("reconstruction", {1, 6, 2, 4}, restored);
        const auto made = written(writer);
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->size(), std::size_t{3});
        QVERIFY((*made)[0].what == What::Original && (*made)[1].what == What::Disrupted && (*made)[2].what == What::Reconstruction);
        for (const PreviewPicture& one : *made) {
            QCOMPARE(one.slice, std::int64_t{3});
            QCOMPARE(one.slices, std::int64_t{6});
            QVERIFY(one.picture.width == 4 && one.picture.height == 2);
        }
        QCOMPARE(grey((*made)[0], 0, 0), 77);  // 0.3 of 255: the middle slice
        QCOMPARE(grey((*made)[0], 3, 1), 255); // right and behind lie the smallest i and j
        QCOMPARE(grey((*made)[1], 3, 1), 0);
        QCOMPARE(grey((*made)[2], 3, 1), 255);
    }
    void ofCrops()
    {
        const std::vector<float> input(6 * 8 * 8, 0);
        // two slabs of two base crops; the random one lies in the upper slab
        const std::vector<std::int64_t> bases{0, 0, 0, 4, 8, 3, 4, 0, 0, 8, 8, 3, 0, 0, 3, 4, 8, 6, 4, 0, 3, 8, 8, 6}, crops{0, 0, 3, 4, 8, 6};
        const std::vector<float> overlap{0, 0, 1, 0}, unit{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 6, 8, 8}, input);
        writer.add<std::int64_t>("base_boxes", {4, 6}, bases);
        writer.add<std::int64_t>("crop_boxes", {1, 6}, crops);
        writer.add<float>("overlap", {1, 4}, overlap);
        writer.add<float>("overlap_predicted", {1, 4}, overlap);
        writer.add<float>("base_similarity", {4, 4}, unit);
        const auto made = written(writer);
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->size(), std::size_t{2});
        const PreviewPicture& shown = made->front();
        QVERIFY(shown.what == What::Crops && made->back().what == What::Overlap);
        QCOMPARE(shown.slice, std::int64_t{4}); // one that the random crop reaches
        QCOMPARE(shown.picture.width, std::int64_t{384});
        const auto blue = [&](std::int64_t x, std::int64_t y) {
            const std::size_t at = static_cast<std::size_t>((y * shown.picture.width + x) * 3);
            return int(shown.picture.rgb[at + 2]) - int(shown.picture.rgb[at]);
        };
        QVERIFY(blue(383, 200) > 0); // the random crop: small i lie right
        QVERIFY(blue(0, 200) < 0);   // the other base crop is yellow
        QCOMPARE(blue(100, 200), 0);
    }
    void ofAttention()
    {
        const auto input = steps();
        std::vector<float> map(12, 0), scores(6, 1);
        map[8] = 0.75f; // of the uppermost slab, i = j = 0
        map[3] = 0.25f;
        scores[5] = 2;
        const std::vector<std::int64_t> chosen{4, 5};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 6, 2, 4}, input);
        writer.add<float>("attention", {3, 2, 2}, map);
        writer.add<float>("slice_scores", {6}, scores);
        writer.add<std::int64_t>("slices_chosen", {2}, chosen);
        const auto made = written(writer);
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->size(), std::size_t{2});
        QVERIFY((*made)[0].what == What::Original && (*made)[1].what == What::Attention);
        QCOMPARE((*made)[0].slice, std::int64_t{5}); // the one with the largest weight
        QCOMPARE(grey((*made)[0], 0, 0), 128);
        QCOMPARE((*made)[1].largest, 0.75);
        QVERIFY(grey((*made)[1], 3, 1) > grey((*made)[1], 0, 0));
    }
    void aRadiographIsNotTurned()
    {
        const std::vector<float> input{1, 0, 0, 0}, map{1, 0, 0, 0};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 2, 2}, input);
        writer.add<float>("attention", {2, 2}, map);
        const auto made = written(writer);
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->size(), std::size_t{2});
        QCOMPARE((*made)[0].slice, std::int64_t{-1});
        QCOMPARE(grey((*made)[0], 0, 0), 255);
        QCOMPARE(grey((*made)[0], 1, 1), 0);
        QVERIFY(grey((*made)[1], 0, 0) > grey((*made)[1], 1, 1));
    }
    void whatShowsNothingIsRefused()
    {
        const std::vector<float> numbers(4, 0);
        TensorFileWriter writer;
        writer.add<float>("features", {4}, numbers);
        HILUM_VERIFY_ERROR(written(writer), ErrorCode::NotFound);
        HILUM_VERIFY_ERROR(previewPictures(m_folder->where() / "none.safetensors"), ErrorCode::NotFound);
    }
};

QTEST_APPLESS_MAIN(TestPreviewPictures)
#include "tst_preview_pictures.moc"
