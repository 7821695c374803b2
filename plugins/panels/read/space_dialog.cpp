#include "plugins/panels/read/space_dialog.h"
#include "plugins/panels/read/answer_buttons.h"

#include "core/view/overlay_fit.h"

#include <QDialogButtonBox>
#include <QLabel>
#include <QPainter>
#include <QPixmap>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace hilum::panels {

namespace {

/// Both boxes, seen from the front (patient's right on the left) and from the left side (front on the left).
QPixmap boxes(const Geometry& image, const Geometry& labels)
{
    constexpr int Side = 180, Margin = 14;
    QPixmap picture(2 * Side, Side);
    picture.fill(QColor(24, 24, 24));
    QPainter painter(&picture);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto imageCorners = view::boxCorners(image), labelCorners = view::boxCorners(labels);
    Vec3 low = imageCorners[0], high = low;
    for (const auto* all : {&imageCorners, &labelCorners})
        for (const Vec3& p : *all)
            for (std::size_t a = 0; a < 3; ++a) {
                low[a] = std::min(low[a], p[a]);
                high[a] = std::max(high[a], p[a]);
            }
    for (int side = 0; side < 2; ++side) {
        const std::size_t across = side == 0 ? 0 : 1;
        const double scale = (Side - 2 * Margin) / std::max({high[across] - low[across], high[2] - low[2], 1.0});
        const auto at = [&](const Vec3& p) {
            return QPointF(side * Side + Margin + (p[across] - low[across]) * scale, Side - Margin - (p[2] - low[2]) * scale);
        };
        const auto draw = [&](const std::array<Vec3, 8>& box, const QColor& colour) {
            painter.setPen(QPen(colour, 1.5));
            for (std::size_t a = 0; a < 8; ++a)
                for (const std::size_t bit : {std::size_t{1}, std::size_t{2}, std::size_t{4}})
                    if (!(a & bit))
                        painter.drawLine(at(box[a]), at(box[a | bit]));
            painter.setBrush(colour);
            painter.drawEllipse(at(box[0]), 3, 3); // where the first voxel is
        };
        draw(imageCorners, QColor(220, 220, 220));
        draw(labelCorners, QColor(0xF3, 0x4A, 0x33));
        painter.setPen(QColor(170, 170, 170));
        painter.drawText(QRect(side * Side, 0, Side, 14), Qt::AlignCenter, side == 0 ? QStringLiteral("R      L") : QStringLiteral("A      P"));
    }
    return picture;
}

} // namespace

SpaceDialog::SpaceDialog(const Geometry& image, const Geometry& labels, const QString& sentence, const QString& name, Overlap overlap, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("spaceDialog"));
    setWindowTitle(tr("Not the same space"));
    auto* rows = new QVBoxLayout(this);
    auto* text = new QLabel(tr("%1: %2").arg(name, sentence), this);
    text->setWordWrap(true);
    text->setMinimumWidth(420);
    rows->addWidget(text);
    auto* picture = new QLabel(this);
    picture->setPixmap(boxes(image, labels));
    picture->setAlignment(Qt::AlignCenter);
    rows->addWidget(picture);
    auto* legend = new QLabel(tr("White: the image. Red: the labels. The dots are the first voxels. Resample shows the labels where their file puts them, with "
                                 "the nearest voxel, and says so on the picture."), this);
    legend->setWordWrap(true);
    rows->addWidget(legend);
    auto* buttons = new QDialogButtonBox(this);
    const auto add = [&](const QString& words, const char* objectName, const QString& tip, Answer answer, QDialogButtonBox::ButtonRole role) {
        return addAnswer(this, buttons, m_answer, answer, words, objectName, tip, role);
    };
    const bool some = overlap == Overlap::Some;
    add(tr("Resample"), "resampleButton", some ? tr("Shows the labels over the image, at the place that their file gives them") : tr("The two do not overlap: nothing would be seen"),
        Answer::Resample, QDialogButtonBox::ActionRole)->setEnabled(some);
    add(tr("Open separately"), "separateButton", tr("Opens the file as an image of its own"), Answer::OpenSeparately, QDialogButtonBox::ActionRole);
    add(tr("Cancel"), "cancelButton", tr("Nothing is opened or overlaid"), Answer::Cancel, QDialogButtonBox::RejectRole)->setDefault(true);
    rows->addWidget(buttons);
}

} // namespace hilum::panels
