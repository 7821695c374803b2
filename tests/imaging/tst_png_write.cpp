#include "core/imaging/png_write.h"
#include "tests/support/compare.h"

#include <QImage>

#include <cstring>
#include <vector>

using namespace hilum;

/// Written by libpng, read back by Qt's own reader.
class TestPngWrite : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void greyAndColourComeBackExactly()
    {
        std::vector<std::uint8_t> grey(7 * 5), rgb(7 * 5 * 3);
        for (std::size_t i = 0; i < grey.size(); ++i)
            grey[i] = static_cast<std::uint8_t>(i * 7);
        for (std::size_t i = 0; i < rgb.size(); ++i)
            rgb[i] = static_cast<std::uint8_t>(i * 2);
        const auto g = imaging::encodePng(7, 5, 1, 8, std::as_bytes(std::span(grey)));
        HILUM_VERIFY_OK(g);
        const QImage image = QImage::fromData(QByteArrayView(g->data(), static_cast<qsizetype>(g->size())));
        QCOMPARE(image.size(), QSize(7, 5));
        QCOMPARE(qGray(image.pixel(3, 4)), int(grey[4 * 7 + 3]));
        const auto c = imaging::encodePng(7, 5, 3, 8, std::as_bytes(std::span(rgb)));
        HILUM_VERIFY_OK(c);
        const QImage colour = QImage::fromData(QByteArrayView(c->data(), static_cast<qsizetype>(c->size())));
        QCOMPARE(colour.pixelColor(6, 2), QColor(rgb[(2 * 7 + 6) * 3], rgb[(2 * 7 + 6) * 3 + 1], rgb[(2 * 7 + 6) * 3 + 2]));
    }
    void sixteenBitsKeepTheirOrder()
    {
        const std::vector<std::uint16_t> values{0x0102, 0xfffe, 0, 40000};
        const auto png = imaging::encodePng(2, 2, 1, 16, std::as_bytes(std::span(values)));
        HILUM_VERIFY_OK(png);
        const QImage image = QImage::fromData(QByteArrayView(png->data(), static_cast<qsizetype>(png->size())));
        QCOMPARE(image.format(), QImage::Format_Grayscale16);
        QCOMPARE(reinterpret_cast<const std::uint16_t*>(image.constScanLine(0))[0], values[0]);
        QCOMPARE(reinterpret_cast<const std::uint16_t*>(image.constScanLine(1))[1], values[3]);
    }
    void wrongSizesAreRefused()
    {
        const std::vector<std::uint8_t> five(5);
        HILUM_VERIFY_ERROR(imaging::encodePng(2, 2, 1, 8, std::as_bytes(std::span(five))), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(imaging::encodePng(0, 2, 1, 8, {}), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(imaging::encodePng(5, 1, 1, 12, std::as_bytes(std::span(five))), ErrorCode::BadData);
    }
};

QTEST_APPLESS_MAIN(TestPngWrite)
#include "tst_png_write.moc"
