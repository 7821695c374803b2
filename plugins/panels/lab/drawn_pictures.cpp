#include "plugins/panels/lab/drawn_pictures.h"

#include "plugins/panels/lab/lab_words.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

Qt::BrushStyle styleOf(const std::string& filledWith)
{
    if (filledWith == "noise")
        return Qt::Dense6Pattern;
    if (filledWith == "zeros")
        return Qt::HorPattern;
    if (filledWith == "place")
        return Qt::BDiagPattern;
    return Qt::FDiagPattern;
}

/// Groups of overwritten pixels with the pattern of what fills them.
PatchView::Hatch hatchOf(const view::Reconstruction& r, const std::string& filledWith)
{
    PatchView::Hatch out;
    if (r.groups.empty())
        return out;
    for (std::int64_t y = 0; y < r.height; ++y)
        for (std::int64_t x = 0, from = -1; x <= r.width; ++x) {
            const bool in = x < r.width && r.groups[static_cast<std::size_t>(y * r.width + x)] != 0;
            if (in && from < 0)
                from = x;
            if (!in && from >= 0) {
                out.area.addRect(static_cast<double>(from), static_cast<double>(y), static_cast<double>(x - from), 1);
                from = -1;
            }
        }
    for (const auto& side : view::outline(r.groups, r.height, r.width)) {
        out.border.moveTo(side[0], side[1]);
        out.border.lineTo(side[2], side[3]);
    }
    out.style = styleOf(filledWith);
    out.name = filledWith == "noise" ? tr("filled with noise") : filledWith == "zeros" ? tr("filled with mean grey") : filledWith == "place" ? tr("filled from another place") : tr("filled from another image");
    return out;
}

} // namespace

InputPictures inputPictures(const imaging::ModelInput& input)
{
    InputPictures out;
    out.image = QImage(static_cast<int>(input.width), static_cast<int>(input.height), QImage::Format_Grayscale8);
    for (int y = 0; y < out.image.height(); ++y) {
        uchar* line = out.image.scanLine(y);
        const auto* from = &input.image[static_cast<std::size_t>(y) * static_cast<std::size_t>(input.width)];
        for (int x = 0; x < out.image.width(); ++x)
            line[x] = static_cast<uchar>(from[x] / 257);
    }
    if (!input.region.empty())
        out.border = borderOf(view::outline(input.region, input.height, input.width), 1, 1);
    return out;
}

ResultPictures resultPictures(const view::Reconstruction& r, const std::string& filledWith)
{
    ResultPictures out;
    if (r.isEmpty())
        return out;
    const auto grey = [&r](const std::vector<float>& values) { return values.empty() ? QImage() : greyPicture(values, r.width, r.height); };
    out.corrupted = grey(r.corrupted);
    out.reconstruction = grey(r.reconstruction);
    out.pastedBack = grey(r.pastedBack());
    out.donor = grey(r.donor);
    out.hatch = hatchOf(r, filledWith);
    out.largest = r.largestError();
    if (!r.error.empty()) {
        const auto [low, high] = std::ranges::minmax(r.error);
        out.errors = {static_cast<double>(low), static_cast<double>(high)};
        out.error = errorPicture(r.error, r.width, r.height, out.largest);
    }
    return out;
}

QImage greyPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height, std::array<double, 2> range)
{
    const auto low = static_cast<float>(range[0]), factor = static_cast<float>(1 / (range[1] - range[0]));
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_Grayscale8);
    for (int y = 0; y < image.height(); ++y) {
        uchar* line = image.scanLine(y);
        const float* from = &values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width)];
        for (int x = 0; x < image.width(); ++x) {
            const float v = (from[x] - low) * factor;
            line[x] = static_cast<uchar>(std::lround(255 * std::clamp(std::isfinite(v) ? v : 0.0f, 0.0f, 1.0f)));
        }
    }
    return image;
}

QImage errorPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height, double largest)
{
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_RGB32);
    const auto colours = view::colours(view::ColourMap::Diverging, values, -largest, largest > 0 ? largest : 1);
    for (int y = 0; y < image.height(); ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < image.width(); ++x) {
            const view::Rgb& c = colours[static_cast<std::size_t>(y * image.width() + x)];
            line[x] = qRgb(c[0], c[1], c[2]);
        }
    }
    return image;
}

QPainterPath borderOf(const std::vector<std::array<double, 4>>& sides, double patchWidth, double patchHeight)
{
    QPainterPath path;
    for (const auto& s : sides) {
        path.moveTo(s[0] * patchWidth - 0.5, s[1] * patchHeight - 0.5);
        path.lineTo(s[2] * patchWidth - 0.5, s[3] * patchHeight - 0.5);
    }
    return path;
}

} // namespace hilum::lab
