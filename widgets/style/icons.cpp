#include "widgets/style/icons.h"

#include "widgets/style/theme.h"

#include <QBuffer>
#include <QFile>
#include <QIconEngine>
#include <QImageReader>
#include <QPainter>

namespace hilum::widgets {

namespace {

// The icons are drawn in this grey; it is replaced by the colour of the state.
constexpr char DrawnColour[] = "#c8c8c8";

class LineIcon : public QIconEngine {
public:
    explicit LineIcon(QByteArray drawing)
        : m_drawing(std::move(drawing))
    {
    }

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override
    {
        painter->drawPixmap(rect, draw(rect.size() * painter->device()->devicePixelRatioF(), mode, state));
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override { return draw(size, mode, state); }
    QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State state, qreal) override { return draw(size, mode, state); }
    QIconEngine* clone() const override { return new LineIcon(m_drawing); }
    bool isNull() override { return m_drawing.isEmpty(); }

private:
    QPixmap draw(const QSize& size, QIcon::Mode mode, QIcon::State state) const
    {
        theme::Role role = theme::Role::SecondaryText;
        if (mode == QIcon::Disabled)
            role = theme::Role::DisabledText;
        else if (mode != QIcon::Normal || state == QIcon::On)
            role = theme::Role::Text;
        QByteArray svg = m_drawing;
        svg.replace(DrawnColour, theme::css(role).toLatin1());
        QBuffer buffer(&svg);
        QImageReader reader(&buffer, "svg");
        reader.setScaledSize(size);
        return QPixmap::fromImage(reader.read());
    }

    QByteArray m_drawing;
};

} // namespace

QIcon icon(const QString& name)
{
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return QIcon(new LineIcon(file.readAll()));
}

} // namespace hilum::widgets
