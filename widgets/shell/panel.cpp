#include "widgets/shell/panel.h"

#include <QDataStream>
#include <QHeaderView>
#include <QIODevice>
#include <QMap>
#include <QSplitter>

namespace hilum::widgets {

namespace {

constexpr char PanelMark[] = "hilum.panel/1";

/// Splitters and headers with a name.
template <class Part, class Visit>
void visitParts(const QWidget* panel, const Visit& visit)
{
    for (Part* part : panel->findChildren<Part*>())
        if (!part->objectName().isEmpty())
            visit(part);
}

} // namespace

Panel::~Panel() = default;

QByteArray Panel::saveState() const
{
    QMap<QString, QByteArray> parts;
    const auto save = [&](const auto* part) { parts[part->objectName()] = part->saveState(); };
    visitParts<QSplitter>(this, save);
    visitParts<QHeaderView>(this, save);
    QByteArray state;
    QDataStream stream(&state, QIODevice::WriteOnly);
    stream.setVersion(QDataStream::Qt_6_6);
    stream << QByteArray(PanelMark) << parts;
    return state;
}

void Panel::restoreState(const QByteArray& state)
{
    QDataStream stream(state);
    stream.setVersion(QDataStream::Qt_6_6);
    QByteArray mark;
    QMap<QString, QByteArray> parts;
    stream >> mark;
    if (mark != PanelMark)
        return;
    stream >> parts;
    if (stream.status() != QDataStream::Ok)
        return;
    const auto restore = [&](auto* part) {
        if (const auto kept = parts.constFind(part->objectName()); kept != parts.cend())
            part->restoreState(*kept);
    };
    visitParts<QSplitter>(this, restore);
    visitParts<QHeaderView>(this, restore);
}

} // namespace hilum::widgets
