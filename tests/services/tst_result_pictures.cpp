#include "core/services/result_pictures.h"
#include "tests/support/compare.h"

#include <cmath>

using namespace hilum;
using namespace hilum::services;

class TestResultPictures : public QObject {
    Q_OBJECT

    static void writeAnswer(const path& file)
    {
        std::vector<float> input(8 * 8, 0.5f), reconstruction(8 * 8, 0.25f), error(8 * 8);
        for (std::size_t i = 0; i < error.size(); ++i)
            error[i] = reconstruction[i] - input[i];
        error[0] = 0;
        const std::vector<std::uint8_t> mask{1, 0, 0, 1};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 8, 8}, input);
        writer.add<float>("reconstruction", {1, 8, 8}, reconstruction);
        writer.add<float>("error", {1, 8, 8}, error);
        writer.add<std::uint8_t>("mask", {2, 2}, mask);
        QVERIFY(writer.write(file).has_value());
    }

private Q_SLOTS:
    void fourPanelsShowWhatTheyName()
    {
        const auto folder = TemporaryFolder::make();
        writeAnswer(folder->where() / "a.safetensors");
        const auto answer = TensorFile::open(folder->where() / "a.safetensors");
        HILUM_VERIFY_OK(answer);
        const auto picture = reconstructionPicture(*answer);
        HILUM_VERIFY_OK(picture);
        QCOMPARE(picture->width, std::int64_t{4 * 8 + 3 * 4});
        QCOMPARE(picture->height, std::int64_t{8});
        const auto red = [&](std::int64_t x, std::int64_t y) { return int(picture->rgb[static_cast<std::size_t>((y * picture->width + x) * 3)]); };
        const auto blue = [&](std::int64_t x, std::int64_t y) { return int(picture->rgb[static_cast<std::size_t>((y * picture->width + x) * 3 + 2)]); };
        QCOMPARE(red(1, 1), 128);              // original
        QCOMPARE(red(12 + 1, 1), 64);          // hidden: half as bright
        QCOMPARE(red(12 + 6, 1), 128);         // visible
        QCOMPARE(red(24 + 1, 1), 64);          // reconstruction
        QVERIFY(blue(36 + 3, 3) > red(36 + 3, 3)); // too dark is blue
        QVERIFY(std::abs(red(36, 0) - blue(36, 0)) < 3); // no error is grey
    }
    void groupsAreOutlinedWithTheirPattern()
    {
        const Plane plane{.width = 16, .height = 16, .values = std::vector<float>(256, 0.5f)};
        Plane groups{.width = 16, .height = 16, .values = std::vector<float>(256)};
        for (std::size_t y = 2; y < 15; ++y)
            for (std::size_t x = 2; x < 15; ++x)
                groups.values[y * 16 + x] = 1;
        const auto marked = [&](std::string_view fill, std::int64_t x, std::int64_t y) {
            const Picture picture = groupPicture(plane, groups, fill);
            return picture.rgb[static_cast<std::size_t>((y * 16 + x) * 3)] == 0xFF;
        };
        for (const char* fill : {"noise", "zeros", "place", "other image"}) {
            QVERIFY(marked(fill, 2, 9));   // the edge
            QVERIFY(!marked(fill, 1, 9));  // outside
        }
        QVERIFY(marked("noise", 6, 6) && !marked("noise", 7, 6));
        QVERIFY(marked("zeros", 6, 6) && marked("zeros", 7, 6) && !marked("zeros", 7, 7));
        QVERIFY(marked("place", 5, 11) && !marked("place", 8, 10));
        QVERIFY(marked("other image", 11, 3) && !marked("other image", 8, 10));
    }
};

QTEST_APPLESS_MAIN(TestResultPictures)
#include "tst_result_pictures.moc"
