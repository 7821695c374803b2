#pragma once

#include "plugins/panels/read/read_panel.h"
#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"

#include <QApplication>
#include <QLineEdit>
#include <QMouseEvent>
#include <QTest>
#include <QVBoxLayout>

namespace hilum::tests {

/// A window with the Read panel and a text field.
struct ReadBench : WindowFixture {
    QWidget window;
    widgets::Actions actions{&window};
    QLineEdit* field = nullptr;
    panels::ReadPanel* panel = nullptr;

    ReadBench()
    {
        actions.addContextWidget(QStringLiteral("read"), &window);
        panel = new panels::ReadPanel({.services = services, .actions = &actions, .workspace = QStringLiteral("read")}, &window);
        field = new QLineEdit(&window);
        auto* rows = new QVBoxLayout(&window);
        rows->addWidget(panel, 1);
        rows->addWidget(field);
        window.resize(1000, 800);
        window.show();
        QVERIFY(QTest::qWaitForWindowActive(&window));
    }
    void open(const imaging::Volume& volume, project::RowId id = 5)
    {
        project::SeriesRow row;
        row.id = id;
        row.kind = "volume";
        selection.setSeries(row);
        selection.setVolume(volume);
        panel->workspaceShown();
    }
    widgets::SliceView* axial() const { return panel->grid()->slice(0); }
    const view::MeasurementList& measured() const { return panel->state()->measurements.get(); }
    QPoint at(const Vec3& world) const { return axial()->positionOf(world).toPoint(); }
    void drag(Qt::MouseButton button, const QPoint& from, const QPoint& to, Qt::KeyboardModifiers keys = {}) const
    {
        widgets::SliceView* v = axial();
        QTest::mousePress(v, button, keys, from);
        for (int step = 1; step <= 4; ++step) {
            const QPoint p = from + (to - from) * step / 4;
            QMouseEvent move(QEvent::MouseMove, QPointF(p), v->mapToGlobal(QPointF(p)), Qt::NoButton, button, keys);
            QApplication::sendEvent(v, &move);
        }
        QTest::mouseRelease(v, button, keys, to);
    }
};

/// 120 x 100 pixels of 0.5 mm; a pixel holds its column.
inline imaging::Volume radiograph(imaging::SpacingMeaning meaning)
{
    imaging::ImageHeader header;
    header.geometry.size = {120, 100, 1};
    header.geometry.spacingMm = {0.5, 0.5, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = meaning;
    header.modality = "DX";
    header.seriesUid = "1.9";
    std::vector<std::uint16_t> pixels(120 * 100);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint16_t>(i % 120);
    return imaging::Volume(header, pixels);
}

} // namespace hilum::tests
