#include "plugins/panels/lab/lab_pictures.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("Lab", text);
}

QImage inputPicture(const imaging::ModelInput& input)
{
    QImage image(static_cast<int>(input.width), static_cast<int>(input.height), QImage::Format_Grayscale8);
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
            image.scanLine(y)[x] = static_cast<uchar>(input.image[static_cast<std::size_t>(y * image.width() + x)] / 257);
    return image;
}

} // namespace

QString title(Shown shown)
{
    switch (shown) {
    case Shown::Original: return tr("Original");
    case Shown::Disrupted: return tr("Disrupted");
    case Shown::Reconstruction: return tr("Reconstruction");
    case Shown::Error: return tr("Error");
    case Shown::PastedBack: return tr("Pasted back");
    case Shown::Attention: return tr("Attention");
    }
    return {};
}

QImage greyPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height)
{
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_Grayscale8);
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) {
            const float v = values[static_cast<std::size_t>(y * image.width() + x)];
            image.scanLine(y)[x] = static_cast<uchar>(std::lround(255 * std::clamp(std::isfinite(v) ? v : 0.0f, 0.0f, 1.0f)));
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

PatchView::Content contentOf(Shown shown, const LabSession& session)
{
    PatchView::Content out;
    out.title = title(shown);
    const imaging::ModelInput* input = session.input();
    if (!input)
        return out;
    const view::Reconstruction& r = session.reconstruction();
    switch (shown) {
    case Shown::Original: {
        out.image = inputPicture(*input);
        const Index3 size = session.image().geometry().size;
        out.note = tr("%1 × %2 as the model sees it, stored %3 × %4").arg(input->width).arg(input->height).arg(size[0]).arg(size[1]);
        break;
    }
    case Shown::Disrupted:
        out.image = inputPicture(*input);
        out.veil = true;
        out.note = tr("hidden patches are darkened by half");
        break;
    case Shown::Reconstruction:
        if (r.isEmpty())
            break;
        out.image = greyPicture(r.reconstruction, r.width, r.height);
        out.note = tr("all patches as predicted");
        break;
    case Shown::Error: {
        if (r.isEmpty())
            break;
        const double largest = r.largestError();
        out.image = errorPicture(r.error, r.width, r.height, largest);
        out.map = view::ColourMap::Diverging;
        out.low = -largest;
        out.high = largest;
        const auto [low, high] = std::ranges::minmax(r.error);
        out.note = tr("grey values 0 to 1, min %1, max %2").arg(static_cast<double>(low), 0, 'f', 3).arg(static_cast<double>(high), 0, 'f', 3);
        break;
    }
    case Shown::PastedBack:
        if (r.isEmpty())
            break;
        out.image = greyPicture(r.pastedBack(), r.width, r.height);
        out.note = tr("predicted where hidden, original elsewhere");
        break;
    case Shown::Attention: {
        out.image = inputPicture(*input);
        const view::AttentionMap& a = session.attention();
        if (a.isEmpty())
            break;
        out.overlay = a.values;
        out.map = view::ColourMap::Attention;
        out.low = static_cast<double>(a.lowest);
        out.high = static_cast<double>(a.highest);
        out.note = QString::fromStdString(session.attentionName());
        break;
    }
    }
    return out;
}

QPainterPath regionBorder(const LabSession& session)
{
    QPainterPath path;
    const imaging::ModelInput* input = session.input();
    if (!input || !session.knowsRegion())
        return path;
    const view::TokenGrid grid = session.grid();
    const auto add = [&](const std::vector<std::array<double, 4>>& sides, double width, double height) {
        // corners of patch (0, 0) lie at pixel -0.5
        for (const auto& s : sides) {
            path.moveTo(s[0] * width - 0.5, s[1] * height - 0.5);
            path.lineTo(s[2] * width - 0.5, s[3] * height - 0.5);
        }
    };
    if (!input->region.empty())
        add(view::outline(input->region, input->height, input->width), 1, 1);
    else if (session.mask().hasRegion())
        add(view::outline(session.mask().region(), grid.rows, grid.columns), grid.patchWidth(), grid.patchHeight());
    return path;
}

} // namespace hilum::lab
