#include "widgets/shell/keys_table.h"

#include "core/view/mouse_profile.h"
#include "widgets/shell/actions.h"

#include <QRegularExpression>
#include <QStringList>

namespace hilum::widgets {

namespace {

QString row(const QStringList& cells)
{
    return QStringLiteral("| %1 |\n").arg(cells.join(QStringLiteral(" | ")));
}

QString words(std::string_view text)
{
    return QString::fromUtf8(text.data(), qsizetype(text.size()));
}

/// Inputs as rows, profiles as columns; the first profile decides the order.
QString mouseTable()
{
    QStringList inputs, heading{QStringLiteral("mouse")}, line{QStringLiteral("---")};
    QMap<QString, QStringList> cells; // input -> gesture of each profile so far
    int column = 0;
    for (const view::MouseProfile& profile : view::mouseProfiles()) {
        heading << words(profile.title);
        line << QStringLiteral("---");
        for (const view::MouseLine& one : view::mouseLines(profile, view::Gesture::Tool)) {
            const QString input = QString::fromStdString(one.input);
            if (!inputs.contains(input))
                inputs << input;
            QStringList& its = cells[input];
            its.resize(column);
            QString gesture = QString::fromStdString(one.gesture);
            if (input == QLatin1String("Left drag"))
                gesture += QStringLiteral("; at first %1").arg(words(view::name(profile.tool)));
            its << gesture;
        }
        ++column;
    }
    QString table = row(heading) + row(line);
    for (const QString& input : std::as_const(inputs)) {
        QStringList its = cells[input];
        its.resize(column);
        its.replaceInStrings(QRegularExpression(QStringLiteral("^$")), QStringLiteral("\u2013")); // an empty cell is joined to its neighbour by some readers
        its.prepend(input);
        table += row(its);
    }
    return table;
}

QString keysOf(const Actions& actions, const QString& context)
{
    QString table;
    for (const QAction* action : actions.all()) {
        const ActionInfo& info = actions.info(action);
        if (info.context != context)
            continue;
        if (table.isEmpty())
            table = row({QStringLiteral("keys"), QStringLiteral("action"), QStringLiteral("what it does")}) + row({QStringLiteral("---"), QStringLiteral("---"), QStringLiteral("---")});
        QStringList keys;
        for (const QKeySequence& one : {info.shortcut, info.also})
            if (!one.isEmpty())
                keys << QStringLiteral("`%1`").arg(one.toString(QKeySequence::PortableText));
        table += row({keys.join(QStringLiteral(", ")), plainText(info.text), info.tip});
    }
    return table;
}

} // namespace

QString keysPage(const Actions& actions)
{
    QString page = QStringLiteral("# Keys and mouse\n\n"
                                  "These are the keys as installed. *Settings* `Ctrl+,` changes every one of them, and the mouse; `?` shows those of the workspace you are in. "
                                  "Keys without Ctrl or Alt do nothing while you type in a text field.\n\n"
                                  "## Mouse in the views of Read\n\n"
                                  "Whatever the left button does: pressed on the end of a measurement it moves that end, on its line the whole. A dash: as without the keys held, or nothing.\n\n");
    page += mouseTable() + QStringLiteral("\nIn the 3-D view left drag turns, middle drag pans, right drag and wheel zoom.\n\n## Everywhere\n\n") + keysOf(actions, {});
    for (const QAction* action : actions.all()) { // workspaces in the order of their bar
        const ActionInfo& info = actions.info(action);
        if (!info.id.startsWith(QLatin1String("actionWorkspace")))
            continue;
        const QString table = keysOf(actions, info.icon);
        if (table.isEmpty())
            continue;
        page += QStringLiteral("\n## %1\n\n").arg(info.text) + table;
        if (info.icon == QLatin1String("read"))
            continue; // its mouse is the table of profiles
        QString mouse;
        for (const GestureInfo& gesture : actions.gestures(info.icon))
            mouse += row({gesture.input, gesture.text});
        if (!mouse.isEmpty())
            page += QLatin1Char('\n') + row({QStringLiteral("mouse"), QStringLiteral("what it does")}) + row({QStringLiteral("---"), QStringLiteral("---")}) + mouse;
    }
    return page;
}

} // namespace hilum::widgets
