#pragma once

#include "plugins/panels/read/read_panel.h"
#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"

#include <QApplication>
#include <QDropEvent>
#include <QLineEdit>
#include <QMimeData>
#include <QMouseEvent>
#include <QTest>
#include <QUrl>
#include <QVBoxLayout>

#include <cstring>
#include <fstream>
#include <iterator>

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
    void open(const imaging::Volume& volume, project::RowId id = 5, const std::string& content = {})
    {
        project::SeriesRow row;
        row.id = id;
        row.kind = "volume";
        row.content = content;
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

/// Drops a file on a widget as the file manager does.
inline void drop(QWidget* on, const QString& file)
{
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(file)});
    QDragEnterEvent enter(QPoint(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(on, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent event(QPointF(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(on, &event);
}

inline constexpr int Side = 12, Slices = 6, Times = 4;

/// A NIfTI-1 file in time: at time t every voxel holds 100 t + its column.
inline path writeSeriesInTime(const QString& folder)
{
    char header[352] = {};
    const auto put = [&](std::size_t at, auto value) { std::memcpy(header + at, &value, sizeof value); };
    put(0, std::int32_t{348});
    const std::int16_t dim[] = {4, Side, Side, Slices, Times};
    for (std::size_t n = 0; n < std::size(dim); ++n)
        put(40 + 2 * n, dim[n]);
    put(70, std::int16_t{4});  // int16
    put(72, std::int16_t{16});
    const float spacing[] = {1, 2, 2, 3, 1};
    for (std::size_t n = 0; n < std::size(spacing); ++n)
        put(76 + 4 * n, spacing[n]);
    put(108, 352.0f);
    put(254, std::int16_t{1}); // sform
    const float rows[3][4] = {{2, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 3, 0}};
    std::memcpy(header + 280, rows, sizeof rows);
    std::memcpy(header + 344, "n+1", 4);
    const path file = path(folder.toStdString()) / "in-time.nii";
    std::ofstream out(file, std::ios::binary);
    out.write(header, sizeof header);
    for (int t = 0; t < Times; ++t)
        for (int n = 0; n < Side * Side * Slices; ++n) {
            const auto value = static_cast<std::int16_t>(100 * t + n % Side);
            out.write(reinterpret_cast<const char*>(&value), 2);
        }
    return file;
}

} // namespace hilum::tests
