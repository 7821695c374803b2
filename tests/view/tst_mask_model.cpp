#include "core/view/mask_model.h"

#include <QTest>

#include <stdexcept>

using hilum::view::MaskModel;

namespace {

MaskModel empty(std::int64_t rows, std::int64_t columns)
{
    MaskModel model;
    model.reset(rows, columns, std::vector<std::uint8_t>(static_cast<std::size_t>(rows * columns), 0));
    return model;
}

std::int64_t stroke(MaskModel& model, MaskModel::Stroke kind, double radius, std::initializer_list<std::array<double, 2>> points)
{
    model.beginStroke(kind, radius);
    for (const auto& p : points)
        model.strokeTo(p[0], p[1]);
    model.endStroke();
    return model.counts().hidden();
}

} // namespace

class TestMaskModel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void paintsADiscOfPatches_data()
    {
        QTest::addColumn<double>("radius");
        QTest::addColumn<int>("patches");
        QTest::newRow("one patch") << 1.0 << 1;
        QTest::newRow("3 x 3") << 2.0 << 9;   // corners lie sqrt(2) <= 1.5 away
        QTest::newRow("5 x 5 without corners") << 3.0 << 21; // corners lie sqrt(8) > 2.5 away
        QTest::newRow("never smaller than one") << 0.0 << 1;
    }
    void paintsADiscOfPatches()
    {
        QFETCH(double, radius);
        QFETCH(int, patches);
        MaskModel model = empty(20, 20);
        QCOMPARE(stroke(model, MaskModel::Stroke::Hide, radius, {{10.4, 9.6}}), patches);
        QVERIFY(model.hidden(10, 10));
    }
    void cutsTheBrushAtTheBorder()
    {
        MaskModel model = empty(20, 20);
        QCOMPARE(stroke(model, MaskModel::Stroke::Hide, 2, {{0, 0}}), 4);
        QCOMPARE(stroke(model, MaskModel::Stroke::Hide, 2, {{-40, 700}}), 4);
    }
    void leavesNoGapsWhenThePointerIsFast()
    {
        MaskModel model = empty(20, 20);
        QCOMPARE(stroke(model, MaskModel::Stroke::Hide, 1, {{5, 0}, {5, 19}}), 20);
        for (std::int64_t c = 0; c < 20; ++c)
            QVERIFY(model.hidden(5, c));
    }
    void oneGestureIsOneUndoEntry()
    {
        MaskModel model = empty(20, 20);
        const std::string h0 = model.hash();
        stroke(model, MaskModel::Stroke::Hide, 3, {{10, 5}, {10, 15}, {3, 3}});
        const std::string h1 = model.hash();
        stroke(model, MaskModel::Stroke::Reveal, 2, {{10, 5}, {10, 9}});
        const std::string h2 = model.hash();
        QVERIFY(h0 != h1 && h1 != h2 && h0 != h2);
        QVERIFY(model.undo());
        QCOMPARE(model.hash(), h1);
        QVERIFY(model.undo());
        QCOMPARE(model.hash(), h0);
        QVERIFY(!model.undo());
        QVERIFY(model.redo());
        QCOMPARE(model.hash(), h1);
        QVERIFY(model.redo());
        QCOMPARE(model.hash(), h2);
        QVERIFY(!model.redo());
    }
    void aGestureThatChangesNothingLeavesNoEntry()
    {
        MaskModel model = empty(4, 4);
        stroke(model, MaskModel::Stroke::Reveal, 2, {{1, 1}});
        QVERIFY(!model.canUndo());
        QVERIFY(!model.edited());
    }
    void aPatchCrossedTwiceIsUndoneOnce()
    {
        MaskModel model = empty(8, 8);
        const std::string before = model.hash();
        stroke(model, MaskModel::Stroke::Hide, 1, {{1, 1}, {1, 6}, {1, 1}, {1, 6}});
        QVERIFY(model.undo());
        QCOMPARE(model.hash(), before);
    }
    void aNewGestureEndsRedo()
    {
        MaskModel model = empty(8, 8);
        stroke(model, MaskModel::Stroke::Hide, 1, {{1, 1}});
        model.undo();
        stroke(model, MaskModel::Stroke::Hide, 1, {{2, 2}});
        QVERIFY(!model.canRedo());
        QVERIFY(model.hidden(2, 2) && !model.hidden(1, 1));
    }
    void cancellingAGestureRestoresTheMask()
    {
        MaskModel model = empty(8, 8);
        const std::string before = model.hash();
        model.beginStroke(MaskModel::Stroke::Hide, 3);
        model.strokeTo(4, 4);
        QVERIFY(!model.undo()); // not within a gesture
        model.cancelStroke();
        QCOMPARE(model.hash(), before);
        QVERIFY(!model.canUndo());
    }
    void keepsAtLeastTwoHundredLevels()
    {
        MaskModel model = empty(20, 20);
        std::vector<std::string> hashes{model.hash()};
        for (int i = 0; i < 300; ++i) {
            stroke(model, MaskModel::Stroke::Hide, 1, {{i / 20.0 - 0.49, static_cast<double>(i % 20)}});
            hashes.push_back(model.hash());
        }
        for (int i = 299; i >= 0; --i) {
            QVERIFY(model.undo());
            QCOMPARE(model.hash(), hashes[static_cast<std::size_t>(i)]);
        }
    }
    void countsInsideAndOutside()
    {
        // the published rectangle: rows 6..15, columns 3..15 of 20 x 20 are inside: 130 of 400
        std::vector<std::uint8_t> region(400, 0), mask(400, 0);
        for (std::size_t r = 6; r < 16; ++r)
            for (std::size_t c = 3; c < 16; ++c)
                region[r * 20 + c] = 1;
        mask[6 * 20 + 3] = mask[15 * 20 + 15] = mask[0] = 1;
        MaskModel model;
        model.reset(20, 20, mask, region);
        QCOMPARE(model.counts(), (hilum::view::MaskCounts{130, 2, 270, 1}));
        model.setRegion({});
        QCOMPARE(model.counts(), (hilum::view::MaskCounts{0, 0, 400, 3}));
    }
    void hashIsTheDigestOfTheBytes()
    {
        MaskModel model;
        model.reset(1, 3, {1, 0, 1});
        QCOMPARE(model.hash(), std::string("85f90dfea1d8027e1463e5ca971a250110a20df0119d204a74220bc63516d15b"));
    }
    void refusesWrongSizes()
    {
        MaskModel model;
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, model.reset(2, 2, {0, 1, 0}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, model.reset(2, 2, {0, 1, 0, 2}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, model.reset(2, 2, {0, 1, 0, 1}, {1}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, model.reset(0, 2, {}));
        QVERIFY_THROWS_EXCEPTION(std::logic_error, model.strokeTo(0, 0));
    }
};

QTEST_APPLESS_MAIN(TestMaskModel)
#include "tst_mask_model.moc"
