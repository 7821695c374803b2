#include "widgets/shell/settings_dialog.h"

#include "core/base/paths.h"
#include "core/project/library.h"
#include "widgets/shell/input_page.h"
#include "widgets/shell/settings.h"

#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTabWidget>
#include <QVBoxLayout>

namespace hilum::widgets {

SettingsDialog::SettingsDialog(const Services& services, Actions& actions, bool canChangeLibrary, QWidget* parent)
    : QDialog(parent)
    , m_services(services)
    , m_actions(actions)
    , m_folder(new QLineEdit(this))
    , m_input(new InputPage(actions, services.settings->value(QStringLiteral("input/profile")).toString(), this))
{
    setObjectName(QStringLiteral("settingsDialog"));
    setWindowTitle(tr("Settings"));
    auto* pages = new QTabWidget(this);
    pages->setObjectName(QStringLiteral("settingsPages"));
    pages->addTab(m_input, tr("Input"));
    pages->addTab(makeFolders(canChangeLibrary), tr("Folders"));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
    for (auto* button : buttons->buttons()) { // Return belongs to the fields
        auto* push = qobject_cast<QPushButton*>(button);
        push->setAutoDefault(false);
        push->setDefault(false);
    }
    buttons->button(QDialogButtonBox::Ok)->setObjectName(QStringLiteral("settingsOk"));
    buttons->button(QDialogButtonBox::Cancel)->setObjectName(QStringLiteral("settingsCancel"));
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        keep();
        accept();
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(20, 12, 20, 16);
    column->setSpacing(12);
    column->addWidget(pages, 1);
    column->addWidget(buttons);
    resize(720, 720);
}

QWidget* SettingsDialog::makeFolders(bool canChangeLibrary)
{
    auto* page = new QWidget(this);
    m_before = m_services.library ? QString::fromStdString(m_services.library->folder().string()) : QString();
    m_folder->setObjectName(QStringLiteral("libraryFolderEdit"));
    m_folder->setText(m_before);
    m_folder->setEnabled(canChangeLibrary);
    m_folder->setToolTip(tr("Where the database of studies lives; images stay where they are. A change takes effect at the next start."));
    auto* browse = new QPushButton(tr("Choose..."), page);
    browse->setObjectName(QStringLiteral("libraryFolderButton"));
    browse->setToolTip(tr("Chooses the folder of the library"));
    browse->setEnabled(canChangeLibrary);
    connect(browse, &QPushButton::clicked, this, [this] {
        if (const QString chosen = QFileDialog::getExistingDirectory(this, tr("Library folder"), m_folder->text()); !chosen.isEmpty())
            m_folder->setText(chosen);
    });
    auto* form = new QFormLayout(page);
    form->setContentsMargins(4, 14, 4, 4);
    auto* row = new QHBoxLayout;
    row->addWidget(m_folder, 1);
    row->addWidget(browse);
    form->addRow(tr("Library of studies"), row);
    const auto place = [&](const QString& label, const Result<path>& where) {
        auto* text = new QLabel(where ? QString::fromStdString(where->string()) : QString::fromStdString(where.error().sentence()), page);
        text->setProperty("role", "secondary");
        text->setTextInteractionFlags(Qt::TextSelectableByMouse);
        form->addRow(label, text);
    };
    place(tr("Runs"), dataFolder());
    place(tr("Prepared images"), cacheFolder());
    place(tr("Settings"), configFolder());
    return page;
}

void SettingsDialog::keep()
{
    const KeyChoices keys = m_input->chosenKeys();
    m_actions.setChosenKeys(keys);
    m_services.settings->setValue(QStringLiteral("input/keys"), toText(keys));
    m_services.settings->setValue(QStringLiteral("input/profile"), m_input->profile());
    m_services.settings->save();
}

QString SettingsDialog::newLibraryFolder() const
{
    return m_folder->text() == m_before ? QString() : m_folder->text();
}

} // namespace hilum::widgets
