// The Lab as the window loads it, found by object names, against a worker whose answers can be computed by hand.
#include "core/base/digest.h"
#include "core/services/model_server.h"
#include "core/services/task_runner.h"
#include "tests/support/compare.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QMainWindow>
#include <QPluginLoader>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QWheelEvent>

using namespace hilum;
using namespace hilum::widgets;

namespace {

/// A radiograph of 512 x 512: a ramp from left to right, 0 to 255, with a bright square in the middle of patch r4 c10.
imaging::Volume ramp(std::int64_t slices = 1)
{
    constexpr std::int64_t Side = 512;
    std::vector<std::uint8_t> voxels(static_cast<std::size_t>(Side * Side * slices));
    for (std::int64_t k = 0; k < slices; ++k)
        for (std::int64_t y = 0; y < Side; ++y)
            for (std::int64_t x = 0; x < Side; ++x)
                voxels[static_cast<std::size_t>((k * Side + y) * Side + x)] = static_cast<std::uint8_t>(x / 2);
    imaging::ImageHeader header;
    header.geometry.size = {Side, Side, slices};
    header.hasPatientSpace = slices > 1;
    header.modality = slices > 1 ? "CT" : "DX";
    header.unit = imaging::Unit::Grey;
    header.windows = {{.centre = 127.5, .width = 255, .name = "all", .shape = imaging::Window::Shape::LinearExact}};
    return {header, std::move(voxels)};
}

constexpr int Wait = 20000; // ms; ten times what a slow machine takes

} // namespace

class TestLabPanel : public QObject {
    Q_OBJECT
private:
    QTemporaryDir m_home;
    std::unique_ptr<services::TaskRunner> m_runner;
    std::unique_ptr<services::ModelServer> m_models;
    std::unique_ptr<Selection> m_selection;
    std::unique_ptr<Messages> m_messages;
    std::unique_ptr<QMainWindow> m_window;
    std::unique_ptr<Actions> m_actions;
    Panel* m_panel = nullptr;

    template <class W> W* find(const char* name) const { return m_panel->findChild<W*>(QLatin1String(name)); }
    QString label(const char* name) const { return find<QLabel>(name)->text(); }
    QString hash(const char* name) const { return m_panel->property(name).toString(); }
    QPoint at(QWidget* view, int row, int column) const
    {
        // views of equal width and height below their caption of 22 show the whole image
        const double side = std::min(view->width(), view->height() - 22), left = (view->width() - side) / 2, top = 22 + (view->height() - 22 - side) / 2;
        return QPoint(static_cast<int>(left + (column + 0.5) * side / 16), static_cast<int>(top + (row + 0.5) * side / 16));
    }
    void settle() const { QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool() && label("maskStats").contains(QStringLiteral("loss")), Wait); }

private Q_SLOTS:
    void initTestCase()
    {
        qputenv("HILUM_HOME", m_home.path().toUtf8());
        qputenv("HILUM_WORKER", LAB_WORKER);
    }
    void init()
    {
        m_runner = std::make_unique<services::TaskRunner>();
        m_models = std::make_unique<services::ModelServer>();
        m_selection = std::make_unique<Selection>();
        m_messages = std::make_unique<Messages>();
        m_window = std::make_unique<QMainWindow>();
        m_actions = std::make_unique<Actions>(m_window.get());
        QPluginLoader loader(QStringLiteral(LAB_PLUGIN));
        auto* factory = qobject_cast<PanelFactory*>(loader.instance());
        QVERIFY2(factory, qPrintable(loader.errorString()));
        PanelContext context;
        context.services.runner = m_runner.get();
        context.services.models = m_models.get();
        context.services.selection = m_selection.get();
        context.services.messages = m_messages.get();
        context.actions = m_actions.get();
        context.workspace = QStringLiteral("lab");
        m_actions->addContextWidget(context.workspace, m_window.get());
        m_panel = factory->createPanel(context);
        m_window->setCentralWidget(m_panel);
        m_window->resize(1500, 1000);
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        m_panel->workspaceShown();
    }
    void cleanup()
    {
        delete m_panel;
        m_actions.reset(); // a child of the window
        m_window.reset();
        m_models.reset();
        m_runner.reset();
    }
    void rectangleOfThePublicCode()
    {
        m_selection->setVolume(ramp());
        QTRY_COMPARE_WITH_TIMEOUT(find<QComboBox>("methodCombo")->currentText(), QStringLiteral("HD X-ray MAE"), Wait);
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        find<QSpinBox>("seedSpin")->setValue(7);
        // rows 5..12 and columns 3..12 of 16 x 16: 80 inside, of which int(80 * 0.05) = 4 stay visible; int(176 * 0.15) = 26 outside
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").startsWith(QStringLiteral("inside 95.0 % (76 of 80) · outside 85.2 % (150 of 176) · hidden 226 of 256")),
                                  qPrintable(label("maskStats")), Wait);
        settle();
        const QString seven = hash("maskHash");
        find<QSpinBox>("seedSpin")->setValue(8);
        QTRY_VERIFY_WITH_TIMEOUT(hash("maskHash") != seven, Wait);
        find<QSpinBox>("seedSpin")->setValue(7);
        QTRY_COMPARE_WITH_TIMEOUT(hash("maskHash"), seven, Wait);
    }
    void anotherRegionLeavesTheOriginalAlone()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        QTRY_VERIFY_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        const QString original = hash("originalHash");
        QCOMPARE(original.size(), 64);
        find<QComboBox>("regionCombo")->setCurrentIndex(0);
        QTRY_VERIFY_WITH_TIMEOUT(!label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        QCOMPARE(hash("originalHash"), original);
    }
    void paintingHidesRevealsAndIsUndone()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        QTRY_VERIFY_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        settle();
        // everything visible first: a wide brush with the right button
        auto* view = find<QWidget>("labView3");
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        find<QSpinBox>("brushRadius")->setValue(20);
        QTest::mousePress(view, Qt::RightButton, {}, at(view, 8, 8));
        QTest::mouseMove(view, at(view, 1, 1));
        QTest::mouseMove(view, at(view, 14, 14));
        QTest::mouseRelease(view, Qt::RightButton, {}, at(view, 14, 14));
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("hidden 0 of 256")), qPrintable(label("maskStats")), Wait);
        const QString h0 = hash("maskHash"), arrays = hash("arraysHash");
        find<QSpinBox>("brushRadius")->setValue(2);
        QWheelEvent wheel(at(view, 4, 4), view->mapToGlobal(at(view, 4, 4)), {}, {0, 120}, Qt::NoButton, Qt::ShiftModifier, Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(view, &wheel);
        QCOMPARE(find<QSpinBox>("brushRadius")->value(), 3);
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 6, 6)); // 21 patches of a disc
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("hidden 21 of 256")), qPrintable(label("maskStats")), Wait);
        settle();
        QVERIFY(hash("arraysHash") != arrays); // refreshed without a click
        const QString h1 = hash("maskHash");
        find<QSpinBox>("brushRadius")->setValue(1);
        QTest::mouseClick(view, Qt::RightButton, {}, at(view, 6, 6));
        QTRY_VERIFY(label("maskStats").contains(QStringLiteral("hidden 20 of 256")));
        const QString h2 = hash("maskHash");
        auto* undo = m_actions->find(QStringLiteral("actionMaskUndo"));
        auto* redo = m_actions->find(QStringLiteral("actionMaskRedo"));
        undo->trigger();
        QCOMPARE(hash("maskHash"), h1);
        undo->trigger();
        QCOMPARE(hash("maskHash"), h0);
        redo->trigger();
        QCOMPARE(hash("maskHash"), h1);
        redo->trigger();
        QCOMPARE(hash("maskHash"), h2);
        settle();
        QCOMPARE(find<QTableWidget>("patchErrorTable")->rowCount(), 12);
    }
    void crosshairProbeAndWorstPatch()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* error = find<QWidget>("labView4");
        QTest::mouseMove(error, at(error, 12, 7));
        QTRY_VERIFY2(label("tokenProbe").startsWith(QStringLiteral("patch r12 c7 ")), qPrintable(label("tokenProbe")));
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"}) // the same place in all four, before any click
            QCOMPARE(find<QWidget>(view)->property("crosshairPatch").toString(), QStringLiteral("r12 c7"));
        QTest::mouseClick(error, Qt::LeftButton, {}, at(error, 12, 7));
        QCOMPARE(m_selection->crosshair().space, Crosshair::Space::Plane);
        // the middle of patch c7 of a 512 pixel wide image
        QVERIFY(std::abs(m_selection->crosshair().point[0] - 239.5) < 4);
        QVERIFY(std::abs(m_selection->crosshair().point[1] - 399.5) < 4);
        auto* worst = find<QTableWidget>("patchErrorTable");
        QTRY_VERIFY(worst->rowCount() > 0);
        // a ramp filled with mid-grey is worst in the first and the last column
        const int column = worst->item(0, 1)->text().toInt(), row = worst->item(0, 0)->text().toInt();
        QVERIFY(column == 0 || column == 15);
        QTest::mouseClick(worst->viewport(), Qt::LeftButton, {}, worst->visualItemRect(worst->item(0, 0)).center());
        QCOMPARE(static_cast<int>(m_selection->crosshair().point[0] / 32), column);
        QCOMPARE(static_cast<int>(m_selection->crosshair().point[1] / 32), row);
    }
    void attentionOfAClickedPatch()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QCheckBox>("attentionShown")->setChecked(true);
        auto* view = find<QWidget>("labView1");
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 3, 9));
        QTest::mouseMove(view, at(view, 3, 10));
        QTest::mouseMove(view, at(view, 3, 9));
        QTRY_VERIFY2_WITH_TIMEOUT((QTest::mouseMove(view, at(view, 3, 8)), QTest::mouseMove(view, at(view, 3, 9)), label("tokenProbe").contains(QStringLiteral("attn 1.000"))),
                                  qPrintable(label("tokenProbe")), Wait);
        QTest::mouseMove(view, at(view, 4, 9));
        QVERIFY2(label("tokenProbe").contains(QStringLiteral("attn 0.000")), qPrintable(label("tokenProbe")));
    }
    void refusesAVolume()
    {
        m_selection->setVolume(ramp(5));
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").contains(QStringLiteral("volume of 5 slices")), qPrintable(label("labRefusal")), Wait);
        QVERIFY(find<QLabel>("labRefusal")->isVisible());
        QVERIFY(label("maskStats").isEmpty());
        m_selection->setVolume(ramp());
        settle();
        QVERIFY(!find<QLabel>("labRefusal")->isVisible());
    }
    void trainProposesWhatTheLabShows()
    {
        m_selection->setVolume(ramp());
        settle();
        Json proposal;
        connect(m_selection.get(), &Selection::jobProposed, this, [&](const Json& p) { proposal = p; });
        QTest::mouseClick(find<QWidget>("trainButton"), Qt::LeftButton);
        QCOMPARE(proposal.value("method", ""), std::string("hdxray-mae"));
        QCOMPARE(proposal["options"].value("mask_ratio_inside", 0.0), 0.95);
        QCOMPARE(proposal["options"].value("region_source", ""), std::string("paper-idea"));
        QVERIFY(!proposal["options"].contains("seed"));
        QCOMPARE(proposal.value("images", ""), std::string("library"));
    }
};

QTEST_MAIN(TestLabPanel)
#include "tst_lab_panel.moc"
