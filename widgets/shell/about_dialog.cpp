#include "widgets/shell/about_dialog.h"

#include "core/base/version.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QTableWidget>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {

struct Part {
    const char* name;
    const char* use;
    const char* licence;
};

constexpr Part Parts[] = {
    {"Qt 6", QT_TRANSLATE_NOOP("hilum", "window, processes"), "LGPL-3.0"},
    {"VTK", QT_TRANSLATE_NOOP("hilum", "views in 2-D and 3-D"), "BSD-3-Clause"},
    {"ITK with GDCM and OpenJPEG", QT_TRANSLATE_NOOP("hilum", "volume files, JPEG 2000"), "Apache-2.0, BSD-3-Clause, BSD-2-Clause"},
    {"DCMTK", QT_TRANSLATE_NOOP("hilum", "DICOM"), "BSD-3-Clause"},
    {"Qwt", QT_TRANSLATE_NOOP("hilum", "curves"), "LGPL-2.1 with Qwt exceptions"},
    {"Qt Advanced Docking System", QT_TRANSLATE_NOOP("hilum", "panels"), "LGPL-2.1"},
    {"SQLite, SQLiteCpp", QT_TRANSLATE_NOOP("hilum", "library of studies"), "public domain, MIT"},
    {"LibTorch", QT_TRANSLATE_NOOP("hilum", "training and inference, in the worker"), "BSD-3-Clause"},
    {"nlohmann/json, spdlog, CLI11", QT_TRANSLATE_NOOP("hilum", "files, log, command line"), "MIT, MIT, BSD-3-Clause"},
    {"Inter", QT_TRANSLATE_NOOP("hilum", "typeface"), "OFL-1.1"},
};

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
    auto* licence = new QLabel(tr("Hilum is free software under the Apache License 2.0. It is built from:"), this);
    auto* table = new QTableWidget(int(std::size(Parts)), 3, this);
    table->setObjectName(QStringLiteral("licenceTable"));
    table->setHorizontalHeaderLabels({tr("Part"), tr("Used for"), tr("Licence")});
    table->verticalHeader()->hide();
    table->setShowGrid(false);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionMode(QAbstractItemView::NoSelection);
    table->setFocusPolicy(Qt::NoFocus);
    for (int row = 0; row < int(std::size(Parts)); ++row) {
        table->setItem(row, 0, new QTableWidgetItem(QString::fromLatin1(Parts[row].name)));
        table->setItem(row, 1, new QTableWidgetItem(tr(Parts[row].use)));
        table->setItem(row, 2, new QTableWidgetItem(QString::fromLatin1(Parts[row].licence)));
    }
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
