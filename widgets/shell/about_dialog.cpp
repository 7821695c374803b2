#include "widgets/shell/about_dialog.h"

#include "core/base/version.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QDialogButtonBox>
#include <QFile>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QTableWidget>
#include <QVBoxLayout>

#include <stdexcept>

namespace hilum::widgets {

namespace {

/// The rows of the first table of the notice that the help shows: what, what for, under which licence.
QList<QStringList> parts()
{
    QFile notice(QStringLiteral(":/docs/user/third_party.md"));
    if (!notice.open(QIODevice::ReadOnly))
        throw std::logic_error("the program was built without docs/user/third_party.md");
    QList<QStringList> rows;
    int lines = 0; // of the table; two for its head
    while (!notice.atEnd()) {
        const QString line = QString::fromUtf8(notice.readLine()).trimmed();
        if (!line.startsWith(QLatin1Char('|'))) {
            if (lines > 0)
                break;
            continue;
        }
        if (++lines > 2) {
            QStringList cells;
            for (const QString& cell : line.split(QLatin1Char('|')).mid(1, 3))
                cells << cell.trimmed();
            rows << cells;
        }
    }
    return rows;
}

} // namespace

AboutDialog::AboutDialog(QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("aboutDialog"));
    setWindowTitle(tr("About Hilum"));
    auto* name = new QLabel(tr("Hilum %1").arg(QString::fromUtf8(Version)), this);
    name->setFont(theme::headingFont());
    auto* build = new QLabel(QString::fromUtf8(GitDescription), this);
    build->setProperty("role", "secondary");
    build->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* picture = new QLabel(this);
    picture->setPixmap(icon(QStringLiteral("app")).pixmap(48));
    auto* use = new QLabel(tr("<b>Research use only, not for diagnosis.</b> A desktop radiology research workstation: it opens studies, trains models on them on "
                              "this computer and shows what they see. It is no medical device, and nothing that it shows may decide on a patient's care."),
                           this);
    use->setObjectName(QStringLiteral("aboutUse"));
    use->setWordWrap(true);
    auto* licence = new QLabel(tr("Hilum is free software under the Apache License 2.0. It is built from what stands here; the guide's last page says more:"), this);
    const QList<QStringList> rows = parts();
    auto* table = new QTableWidget(int(rows.size()), 3, this);
    table->setObjectName(QStringLiteral("licenceTable"));
    table->setHorizontalHeaderLabels({tr("Part"), tr("Used for"), tr("Licence")});
    table->verticalHeader()->hide();
    table->setShowGrid(false);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionMode(QAbstractItemView::NoSelection);
    table->setFocusPolicy(Qt::NoFocus);
    for (int row = 0; row < table->rowCount(); ++row)
        for (int column = 0; column < table->columnCount(); ++column)
            table->setItem(row, column, new QTableWidgetItem(rows[row].value(column)));
    table->resizeColumnsToContents();
    table->horizontalHeader()->setStretchLastSection(true);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);

    auto* names = new QVBoxLayout;
    names->addWidget(name);
    names->addWidget(build);
    auto* head = new QHBoxLayout;
    head->setSpacing(16);
    head->addWidget(picture);
    head->addLayout(names, 1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(20, 20, 20, 16);
    column->setSpacing(12);
    column->addLayout(head);
    column->addWidget(use);
    column->addWidget(licence);
    column->addWidget(table, 1);
    column->addWidget(buttons);
    resize(680, 560);
}

} // namespace hilum::widgets
