#include "widgets/shell/settings_dialog.h"

#include "core/base/paths.h"
#include "core/project/library.h"
#include "widgets/shell/settings.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

namespace hilum::widgets {

SettingsDialog::SettingsDialog(const Services& services, bool canChangeLibrary, QWidget* parent)
    : QDialog(parent)
    , m_services(services)
    , m_folder(new QLineEdit(this))
    , m_profile(new QComboBox(this))
{
    setObjectName(QStringLiteral("settingsDialog"));
    setWindowTitle(tr("Settings"));
    m_before = services.library ? QString::fromStdString(services.library->folder().string()) : QString();
    m_folder->setObjectName(QStringLiteral("libraryFolderEdit"));
    m_folder->setText(m_before);
    m_folder->setEnabled(canChangeLibrary);
    m_folder->setToolTip(tr("Where the database of studies lives; images stay where they are. A change takes effect at the next start."));
    auto* browse = new QPushButton(tr("Choose..."), this);
    browse->setEnabled(canChangeLibrary);
    connect(browse, &QPushButton::clicked, this, [this] {
        if (const QString chosen = QFileDialog::getExistingDirectory(this, tr("Library folder"), m_folder->text()); !chosen.isEmpty())
            m_folder->setText(chosen);
    });
    m_profile->setObjectName(QStringLiteral("inputProfileBox"));
    m_profile->addItem(tr("Radiology (left drag = window/level)"), QStringLiteral("radiology"));
    m_profile->addItem(tr("Crosshair (left click = crosshair)"), QStringLiteral("crosshair"));
    m_profile->setToolTip(tr("What the left mouse button does in the views of the Read workspace; the other buttons are the same in both"));
    m_profile->setCurrentIndex(std::max(0, m_profile->findData(services.settings->value(QStringLiteral("input/profile"), QStringLiteral("radiology")))));

    auto* folders = new QGroupBox(tr("Folders"), this);
    auto* folderForm = new QFormLayout(folders);
    auto* row = new QHBoxLayout;
    row->addWidget(m_folder, 1);
    row->addWidget(browse);
    folderForm->addRow(tr("Library of studies"), row);
    const auto place = [&](const QString& label, const Result<path>& where) {
        auto* text = new QLabel(where ? QString::fromStdString(where->string()) : QString::fromStdString(where.error().sentence()), this);
        text->setProperty("role", "secondary");
        text->setTextInteractionFlags(Qt::TextSelectableByMouse);
        folderForm->addRow(label, text);
    };
    place(tr("Runs and library"), dataFolder());
    place(tr("Prepared images"), cacheFolder());
    place(tr("Settings"), configFolder());
    auto* input = new QGroupBox(tr("Input"), this);
    auto* inputForm = new QFormLayout(input);
    inputForm->addRow(tr("Mouse profile"), m_profile);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        keep();
        accept();
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(20, 12, 20, 16);
    column->setSpacing(12);
    column->addWidget(folders);
    column->addWidget(input);
    column->addStretch(1);
    column->addWidget(buttons);
    resize(640, 360);
}

void SettingsDialog::keep()
{
    m_services.settings->setValue(QStringLiteral("input/profile"), m_profile->currentData());
    m_services.settings->save();
}

QString SettingsDialog::newLibraryFolder() const
{
    return m_folder->text() == m_before ? QString() : m_folder->text();
}

} // namespace hilum::widgets
