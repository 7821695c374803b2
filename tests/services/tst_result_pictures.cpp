#include "core/services/result_pictures.h"

#include "core/base/paths.h"
#include "core/imaging/grey_image.h"
#include "core/services/volume_pictures.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

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
    void picturesAreKnownByTheirPixels()
    {
        const auto folder = TemporaryFolder::make();
        const path file = folder->where() / "a.safetensors";
        std::vector<float> input(64, 0.5f), other(64, 0.25f);
        const std::vector<std::uint8_t> mask{1, 0, 0, 1};
        TensorFileWriter writer;
        for (const char* name : {"input", "corrupted"})
            writer.add<float>(name, {1, 8, 8}, input);
        for (const char* name : {"reconstruction", "error"})
            writer.add<float>(name, {1, 8, 8}, other);
        writer.add<std::uint8_t>("mask", {2, 2}, mask);
        HILUM_VERIFY_OK(writer.write(file));
        const auto answer = TensorFile::open(file);
        HILUM_VERIFY_OK(answer);
        const auto pictures = radiographPictures(*answer, "");
        HILUM_VERIFY_OK(pictures);
        QStringList names;
        for (const auto& [name, picture] : *pictures)
            names << QString::fromStdString(name);
        QCOMPARE(names, (QStringList{"input.png", "corrupted.png", "reconstruction.png", "error.png", "montage.png"}));
        const Json digests = pixelDigests(*pictures);
        QCOMPARE(digests.size(), std::size_t(5));
        QVERIFY(digests["input.png"] != digests["reconstruction.png"]);
        // the window's record and the file of the command line agree where they show the same
        const auto shown = view::readReconstruction(file);
        HILUM_VERIFY_OK(shown);
        const Json views = pixelDigests(reconstructionViews(*shown, ""));
        for (const auto& [ours, theirs] : {std::pair{"original", "input.png"}, {"disrupted", "corrupted.png"}, {"reconstruction", "reconstruction.png"}, {"error", "error.png"}})
            QVERIFY2(views.at(ours) == digests.at(theirs), ours);
        // the same bytes in another shape are another picture
        Picture wide(4, 1), tall(1, 4);
        QVERIFY(pixelDigest(wide) != pixelDigest(tall));
        const std::string before = pixelDigest(wide);
        wide.set(2, 0, {1, 2, 3});
        QVERIFY(pixelDigest(wide) != before);
    }
    /// Where pixels are overwritten the picture shows what the network got, not the image with hidden patches darkened.
    void overwrittenPixelsAreShown()
    {
        const auto folder = TemporaryFolder::make();
        const path file = folder->where() / "a.safetensors";
        const std::vector<float> input(64, 0.5f), given(64, 0.75f);
        const std::vector<std::uint8_t> mask{1, 0, 0, 1}, groups(64, 1);
        TensorFileWriter writer;
        for (const char* name : {"input", "reconstruction", "error"})
            writer.add<float>(name, {1, 8, 8}, input);
        writer.add<float>("corrupted", {1, 8, 8}, given);
        writer.add<std::uint8_t>("mask", {2, 2}, mask);
        writer.add<std::uint8_t>("groups", {8, 8}, groups);
        HILUM_VERIFY_OK(writer.write(file));
        const auto answer = TensorFile::open(file);
        HILUM_VERIFY_OK(answer);
        const auto pictures = radiographPictures(*answer, "noise");
        HILUM_VERIFY_OK(pictures);
        const Picture want = greyPicture({.width = 8, .height = 8, .values = given});
        QCOMPARE(pixelDigests(*pictures).at("corrupted.png"), Json(pixelDigest(want)));
        const auto row = reconstructionPicture(*answer);
        HILUM_VERIFY_OK(row);
        const Picture same[] = {greyPicture({.width = 8, .height = 8, .values = input}), want, greyPicture({.width = 8, .height = 8, .values = input})};
        const Picture first = sideBySide(same);
        QVERIFY(std::equal(first.rgb.begin(), first.rgb.begin() + 3 * first.width, row->rgb.begin())); // the error lies behind them
    }
    void aMapLiesOnTheImagesPixels_data()
    {
        QTest::addColumn<QString>("resize");
        QTest::addColumn<QList<int>>("row"); // the token's column under each pixel of a line of 12
        // 12 x 6 pixels on 8 x 8 of the model, 2 x 2 tokens
        QTest::newRow("stretch") << "stretch" << QList<int>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
        QTest::newRow("pad") << "pad" << QList<int>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
    }
    void aMapLiesOnTheImagesPixels()
    {
        QFETCH(QString, resize);
        QFETCH(QList<int>, row);
        const imaging::GreyImage grey{.width = 12, .height = 6, .values = std::vector<float>(72, 0.5f)};
        const auto placed = imaging::modelInput(grey, {{"kind", "radiograph"}, {"size", {8, 8}}, {"resize", resize.toStdString()}, {"region", "none"}});
        HILUM_VERIFY_OK(placed);
        const Plane map = onImageGrid({.width = 2, .height = 2, .values = {0, 1, 10, 11}}, *placed, 12, 6);
        QCOMPARE(map.width, std::int64_t{12});
        QCOMPARE(map.height, std::int64_t{6});
        for (int y = 0; y < 6; ++y)
            for (int x = 0; x < 12; ++x)
                QCOMPARE(map.values[static_cast<std::size_t>(y * 12 + x)], static_cast<float>(row[x] + (y < 3 ? 0 : 10)));
        // one row of tokens on a padded image: what lies in the padding has no pixel
        const Plane rows = onImageGrid({.width = 1, .height = 8, .values = {0, 1, 2, 3, 4, 5, 6, 7}}, *placed, 12, 6);
        QCOMPARE(rows.values.front(), resize == QStringLiteral("pad") ? 2.0f : 0.0f);
        QCOMPARE(rows.values.back(), resize == QStringLiteral("pad") ? 5.0f : 7.0f);
        if (resize == QStringLiteral("stretch")) { // 12 pixels on 8, in 3 blocks of uneven size: model pixel x lies in block x * 3 / 8
            const Plane uneven = onImageGrid({.width = 3, .height = 1, .values = {0, 1, 2}}, *placed, 12, 6);
            for (std::size_t x = 0; x < 12; ++x) {
                const auto pixel = static_cast<std::int64_t>(std::floor(placed->fromImage(static_cast<double>(x), 0)[0] + 0.5));
                QCOMPARE(uneven.values[x], static_cast<float>(std::clamp<std::int64_t>(pixel, 0, 7) * 3 / 8));
            }
        }
        // an encoder that gets the middle 4 x 4 pixels of these 8 x 8: nothing beyond them
        imaging::ModelInput middle = *placed;
        middle.width = middle.height = 4;
        middle.offset = placed->toImage(2, 2);
        const Plane cut = onImageGrid({.width = 2, .height = 2, .values = {1, 1, 1, 1}}, middle, 12, 6);
        QCOMPARE(cut.values.front(), 0.0f);
        QCOMPARE(cut.values[3 * 12 + 6], 1.0f);
        QCOMPARE(cut.values.back(), 0.0f);
        // a fine image: 120 pixels on 8 of the model, of which the encoder gets the middle 4; 15 pixels each, and none beyond
        imaging::ModelInput coarse;
        coarse.width = 4;
        coarse.height = 1;
        coarse.scale = {15, 15};
        coarse.offset = {2 * 15 + 7, 7}; // the middle of model pixel 0
        const Plane fine = onImageGrid({.width = 4, .height = 1, .values = {1, 2, 3, 4}}, coarse, 120, 15);
        for (std::size_t x = 0; x < 120; ++x)
            QCOMPARE(fine.values[7 * 120 + x], x >= 30 && x < 90 ? static_cast<float>((x - 30) / 15 + 1) : 0.0f);
    }
    void aMapOfAVolumeLiesOnTheImagesVoxels()
    {
        // the image runs to the left and back, the model's grid to the right and to the front: 8 x 8 x 6 voxels of 1 x 1 x 2 mm, 4 x 4 x 3 of twice the size
        Geometry image{.size = {8, 8, 6}, .spacingMm = {1, 1, 2}, .originLps = {10, 20, 30}, .direction = {}};
        Geometry model{.size = {4, 4, 3}, .spacingMm = {2, 2, 4}, .originLps = {16.5, 26.5, 31}, .direction = {}};
        model.direction[0] = {-1, 0, 0};
        model.direction[1] = {0, -1, 0};
        view::Block tokens{.width = 2, .height = 2, .depth = 3, .values = {}};
        for (int n = 0; n < 12; ++n)
            tokens.values.push_back(static_cast<float>(n + 1));
        const view::Block on = onImageGrid(tokens, model, image);
        QCOMPARE(on.width, 8);
        QCOMPARE(on.depth, 6);
        QCOMPARE(on.at(0, 0, 0), 4.0f); // slab 0, the last row and column
        QCOMPARE(on.at(7, 7, 0), 1.0f);
        QCOMPARE(on.at(3, 4, 2), 6.0f); // slab 1, row 0, column 1
        QCOMPARE(on.at(7, 7, 5), 9.0f);
        // a map over a part of the model's grid ends with it, also where the image's voxels lie on the same grid
        const Geometry fine{.size = {9, 9, 9}, .spacingMm = {0.7, 0.7, 0.7}, .originLps = {-31.3, 12.7, 400.1}, .direction = {}};
        for (const auto& [b0, b1] : {std::pair<std::int64_t, std::int64_t>{1, 8}, {2, 9}, {0, 7}}) {
            const view::Block part = onImageGrid({.width = 3, .height = 3, .depth = 3, .values = std::vector<float>(27, 1)}, fine, fine, view::Box{b0, b0, b0, b1, b1, b1});
            for (std::int64_t n = 0; n < 9; ++n)
                QCOMPARE(part.at(n, 4, 4) + part.at(4, n, 4) + part.at(4, 4, n), n >= b0 && n < b1 ? 3.0f : 0.0f);
        }
        // blocks of uneven size: voxel x of 7 lies in block x * 3 / 7, as they were cut
        const view::Block uneven = onImageGrid({.width = 3, .height = 1, .depth = 1, .values = {0, 1, 2}}, fine, fine, view::Box{1, 0, 0, 8, 9, 9});
        for (std::int64_t x = 0; x < 7; ++x)
            QCOMPARE(uneven.at(x + 1, 4, 4), static_cast<float>(x * 3 / 7));
        // where the model sees nothing there is nothing
        image.originLps[0] = 40;
        const view::Block far = onImageGrid(tokens, model, image);
        QVERIFY(std::ranges::all_of(far.values, [](float v) { return v == 0; }));
    }
    void heatIsDrawnThroughTheLargestToken()
    {
        const view::Block grey{.width = 4, .height = 4, .depth = 2, .values = std::vector<float>(32, 0.5f)};
        view::Block tokens{.width = 2, .height = 2, .depth = 1, .values = {0, 0, 0, 1}};
        const Picture picture = heatPicture(grey, tokens, {1, 1, 1});
        QCOMPARE(picture.width, std::int64_t{2 * 16 + 4}); // four pixels a voxel
        const auto at = [&](std::int64_t x, std::int64_t y) { return std::array{picture.rgb[static_cast<std::size_t>((y * picture.width + x) * 3)], picture.rgb[static_cast<std::size_t>((y * picture.width + x) * 3 + 2)]}; };
        QCOMPARE(at(2, 2)[0], at(2, 2)[1]);  // the image alone is grey
        QVERIFY(at(20 + 2, 2) != at(20 + 14, 14)); // the largest i and j are left and on top
        const auto colour = at(20 + 2, 2);
        tokens.values = {0, 0, 0, 2}; // the same shares, the same colours
        const Picture twice = heatPicture(grey, tokens, {1, 1, 1});
        QCOMPARE(twice.rgb[static_cast<std::size_t>((2 * twice.width + 22) * 3)], colour[0]);
    }
    void textsAndAttentionOfARadiographAreDrawn()
    {
        const auto folder = TemporaryFolder::make();
        const path file = folder->where() / "a.safetensors", asked = folder->where() / "request.safetensors";
        const std::vector<float> input(64, 0.5f), map{0, 0, 0, 1}, cosines{0.25f, -0.5f, 1};
        TensorFileWriter writer;
        writer.add<float>("input", {1, 8, 8}, input);
        writer.add<float>("attention", {2, 2}, map);
        writer.add<float>("attention_map", {2, 2}, map);
        writer.add<float>("similarity", {1, 3}, cosines);
        HILUM_VERIFY_OK(writer.write(file));
        const auto answer = TensorFile::open(file);
        HILUM_VERIFY_OK(answer);
        const auto pictures = radiographPictures(*answer, "");
        HILUM_VERIFY_OK(pictures);
        QStringList names;
        for (const auto& [name, picture] : *pictures)
            names << QString::fromStdString(name);
        QCOMPARE(names, (QStringList{"input.png", "attention.png", "similarity.png"}));
        QCOMPARE(pictures->back().second.width, 3 * pictures->back().second.height); // a cell for each text
        // an encoder that gets the middle of the image has its map there
        const std::vector<std::uint16_t> image(144, 30000);
        TensorFileWriter request;
        request.add<std::uint16_t>("image", {1, 12, 12}, image);
        HILUM_VERIFY_OK(request.write(asked));
        const auto sent = TensorFile::open(asked);
        HILUM_VERIFY_OK(sent);
        QCOMPARE(attentionPicture(*sent, *answer)->width, std::int64_t{12});
        QCOMPARE(attentionPicture(*sent, *answer, {8, 8})->width, std::int64_t{8});
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
