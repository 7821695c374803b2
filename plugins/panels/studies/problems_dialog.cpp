#include "plugins/panels/studies/problems_dialog.h"

#include "widgets/style/theme.h"

#include <QClipboard>
#include <QDialogButtonBox>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

namespace hilum::panels {

ProblemsDialog::ProblemsDialog(const std::vector<project::ProblemRow>& problems, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("problemsDialog"));
    setWindowTitle(tr("Files that could not be read"));
    auto* title = new QLabel(problems.size() == 1 ? tr("One file could not be read, or its picture could not be made.")
                                                          : tr("%1 files could not be read, or their pictures could not be made.").arg(problems.size()), this);
    title->setObjectName(QStringLiteral("problemsTitle"));
    auto* table = new QTableWidget(int(problems.size()), 3, this);
    table->setObjectName(QStringLiteral("problemTable"));
    table->setHorizontalHeaderLabels({tr("File"), tr("Reason"), tr("Folder")});
    table->verticalHeader()->hide();
    table->setShowGrid(false);
    table->setAlternatingRowColors(true);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setTextElideMode(Qt::ElideMiddle);
    QStringList lines;
    for (int row = 0; row < int(problems.size()); ++row) {
        const auto& problem = problems[std::size_t(row)];
        const QString values[] = {QString::fromStdString(problem.file.filename().string()), QString::fromStdString(problem.reason),
                                  QString::fromStdString(problem.file.parent_path().string())};
        for (int column = 0; column < 3; ++column) {
            auto* item = new QTableWidgetItem(values[column]);
            item->setToolTip(values[column]);
            table->setItem(row, column, item);
        }
        lines << QStringLiteral("%1: %2 (%3)").arg(QString::fromStdString(problem.file.string()), values[1], QString::fromStdString(problem.code));
    }
    table->setColumnWidth(0, 200);
    table->setColumnWidth(1, 380);
    table->horizontalHeader()->setStretchLastSection(true);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    QPushButton* copy = buttons->addButton(tr("Copy list"), QDialogButtonBox::ActionRole);
    copy->setObjectName(QStringLiteral("problemsCopy"));
    copy->setToolTip(tr("Copies files and reasons to the clipboard"));
    QPushButton* clear = buttons->addButton(tr("Clear list"), QDialogButtonBox::ResetRole);
    clear->setObjectName(QStringLiteral("problemsClear"));
    clear->setToolTip(tr("Forgets this list; the files are not touched"));
    connect(copy, &QPushButton::clicked, this, [text = lines.join(QLatin1Char('\n'))] { QGuiApplication::clipboard()->setText(text); });
    connect(clear, &QPushButton::clicked, this, [this] {
        Q_EMIT clearRequested();
        accept();
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 16, 16, 12);
    column->setSpacing(10);
    column->addWidget(title);
    column->addWidget(table, 1);
    column->addWidget(buttons);
    resize(900, 420);
}

} // namespace hilum::panels
