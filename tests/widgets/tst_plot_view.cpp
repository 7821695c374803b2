#include "widgets/plot/plot_view.h"

#include "tests/support/compare.h"

#include <QImage>
#include <QTest>
#include <QWheelEvent>

#include <cmath>

using hilum::widgets::PlotView;

class TestPlotView : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aMillionPointsDrawFewAndKeepTheSpike()
    {
        PlotView plot;
        plot.resize(800, 300);
        plot.show();
        const int loss = plot.addCurve(QStringLiteral("loss"), Qt::red);
        for (int i = 0; i < 1000000; ++i)
            plot.append(loss, i, i == 777777 ? 9.0 : 1.0 / (1 + i));
        QTRY_VERIFY(!plot.drawnPoints(loss).empty());
        plot.showAll();
        const auto drawn = plot.drawnPoints(loss);
        QVERIFY2(drawn.size() < 8000, qPrintable(QString::number(drawn.size())));
        QVERIFY(std::ranges::any_of(drawn, [](const auto& p) { return p.x == 777777 && p.y == 9.0; }));
        QCOMPARE(plot.pointCount(), 1000000);
    }
    void numbersBelowStandApart() // those of the small plots in Jobs ran into each other
    {
        for (const int width : {160, 230, 400, 900}) {
            PlotView plot;
            plot.resize(width, 200);
            plot.show();
            const int c = plot.addCurve(QStringLiteral("lr"), Qt::red);
            for (int i = 0; i < 90; ++i)
                plot.append(c, i * 100, 0.001);
            QTRY_VERIFY(!plot.drawnPoints(c).empty());
            plot.showAll();
            int needed = 0;
            const auto numbers = plot.numbersBelow();
            for (const double number : numbers)
                needed += plot.fontMetrics().horizontalAdvance(QString::number(number));
            const auto* canvas = plot.findChild<QWidget*>(QStringLiteral("plotCanvas"));
            QVERIFY2(needed < canvas->width(), qPrintable(QStringLiteral("%1 pixels of %2").arg(needed).arg(canvas->width())));
            QVERIFY(numbers.size() >= (width >= 900 ? 5 : 2));
        }
    }
    void followsTheDataUntilZoomed()
    {
        PlotView plot;
        plot.resize(600, 300);
        plot.show();
        const int c = plot.addCurve(QStringLiteral("loss"), Qt::red);
        for (int i = 0; i < 100; ++i)
            plot.append(c, i, i);
        QTRY_COMPARE(plot.drawnPoints(c).size(), std::size_t{100});
        plot.zoomTo(10, 20, 0, 100);
        QVERIFY(plot.isZoomed());
        const auto zoomed = plot.drawnPoints(c).size();
        QVERIFY(zoomed >= 11 && zoomed <= 14);
        plot.append(c, 100, 100);
        QTest::qWait(120);
        QCOMPARE(plot.drawnPoints(c).size(), zoomed); // what is looked at stays
        plot.showAll();
        QCOMPARE(plot.drawnPoints(c).size(), std::size_t{101});
    }
    void theWheelZooms()
    {
        PlotView plot;
        plot.resize(600, 300);
        plot.show();
        const int c = plot.addCurve(QStringLiteral("loss"), Qt::red);
        for (int i = 0; i < 1000; ++i)
            plot.append(c, i, std::sin(0.1 * i));
        plot.showAll();
        auto* canvas = plot.findChild<QWidget*>(QStringLiteral("plotCanvas"));
        QVERIFY(canvas);
        const QPointF at = canvas->rect().center();
        for (int i = 0; i < 10; ++i) {
            QWheelEvent wheel(at, canvas->mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
            QCoreApplication::sendEvent(canvas, &wheel);
        }
        QVERIFY(plot.isZoomed());
        const auto points = plot.drawnPoints(c);
        QVERIFY(points.size() > 100 && points.size() < 600); // 0.9^10 of the width is left
        QVERIFY(points.front().x > 250 && points.back().x < 750); // around the pointer
        QTest::mouseDClick(canvas, Qt::LeftButton);
        QVERIFY(!plot.isZoomed());
    }
    void logarithmicAxisLeavesOutWhatIsNotPositive()
    {
        PlotView plot;
        plot.resize(600, 300);
        plot.show();
        const int c = plot.addCurve(QStringLiteral("loss"), Qt::red);
        plot.append(c, 1, 10);
        plot.append(c, 2, 0);
        plot.append(c, 3, -1);
        plot.append(c, 4, 0.001);
        plot.setScale(PlotView::Scale::Logarithmic);
        QCOMPARE(plot.drawnPoints(c).size(), std::size_t{2});
        plot.setScale(PlotView::Scale::Linear);
        QCOMPARE(plot.drawnPoints(c).size(), std::size_t{4});
    }
    void exports_data()
    {
        QTest::addColumn<QByteArray>("kind");
        QTest::addColumn<QByteArray>("start");
        QTest::newRow("svg") << QByteArray(".svg") << QByteArray("<?xml");
        QTest::newRow("png") << QByteArray(".png") << QByteArray("\x89PNG");
        QTest::newRow("pdf") << QByteArray(".pdf") << QByteArray("%PDF");
    }
    void exports()
    {
        QFETCH(QByteArray, kind);
        QFETCH(QByteArray, start);
        PlotView plot;
        plot.resize(600, 300);
        plot.show();
        plot.setTitles(QStringLiteral("step"), QStringLiteral("loss"));
        const int c = plot.addCurve(QStringLiteral("loss"), Qt::red);
        for (int i = 0; i < 100; ++i)
            plot.append(c, i, i * i);
        const auto content = plot.rendered(QString::fromLatin1(kind));
        HILUM_VERIFY_OK(content);
        QVERIFY(QByteArray::fromStdString(*content).startsWith(start));
        if (kind == ".png") {
            const QImage image = QImage::fromData(QByteArray::fromStdString(*content));
            QCOMPARE(image.pixelColor(0, 0), QColor(Qt::white));
            bool red = false;
            for (int y = 0; y < image.height() && !red; ++y)
                for (int x = 0; x < image.width() && !red; ++x)
                    red = image.pixelColor(x, y).red() > 200 && image.pixelColor(x, y).green() < 80;
            QVERIFY(red); // the curve itself is there
        }
    }
    void refusesAnotherFormat()
    {
        PlotView plot;
        HILUM_VERIFY_ERROR(plot.rendered(QStringLiteral(".gif")), hilum::ErrorCode::Unsupported);
        HILUM_VERIFY_ERROR(plot.rendered(QString()), hilum::ErrorCode::Unsupported);
    }
};

QTEST_MAIN(TestPlotView)
#include "tst_plot_view.moc"
