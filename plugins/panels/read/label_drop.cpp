#include "plugins/panels/read/label_drop.h"
#include "plugins/panels/read/answer_buttons.h"
#include "widgets/tasks/dropped_paths.h"

#include <QDialogButtonBox>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace hilum::panels {

std::optional<path> labelCandidate(const QMimeData* data)
{
    const std::vector<path> dropped = widgets::droppedPaths(data);
    if (dropped.size() != 1)
        return std::nullopt;
    const QString name = QString::fromStdString(dropped.front().filename().string()).toLower();
    constexpr std::array Ends{".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm"};
    const bool named = std::ranges::any_of(Ends, [&](const char* end) { return name.endsWith(QLatin1String(end)); });
    return named || !name.contains(u'.') ? std::optional(dropped.front()) : std::nullopt;
}

bool mayBeLabels(const imaging::LabelMap& labels)
{
    constexpr std::size_t Most = 255;
    return labels.labels.size() <= Most && std::ranges::all_of(labels.labels, [](const imaging::Label& label) { return label.value >= 0; });
}

LabelDropDialog::LabelDropDialog(const QString& name, const QString& what, QWidget* parent) : QDialog(parent)
{
    setObjectName(QStringLiteral("labelDropDialog"));
    setWindowTitle(tr("Labels or an image?"));
    auto* text = new QLabel(tr("%1 can be laid over the open image: %2.").arg(name, what), this);
    text->setWordWrap(true);
    text->setMinimumWidth(420);
    auto* buttons = new QDialogButtonBox(this);
    const auto add = [&](const QString& words, const char* objectName, const QString& tip, Answer answer, QDialogButtonBox::ButtonRole role) {
        return addAnswer(this, buttons, m_answer, answer, words, objectName, tip, role);
    };
    add(tr("Overlay on this image"), "overlayButton", tr("Shows the labels over the open image, placed by their own coordinates"), Answer::Overlay, QDialogButtonBox::AcceptRole)->setDefault(true);
    add(tr("Open separately"), "separateButton", tr("Adds the file to the library and opens it as an image of its own"), Answer::OpenSeparately, QDialogButtonBox::ActionRole);
    add(tr("Cancel"), "cancelButton", tr("Nothing is opened"), Answer::Cancel, QDialogButtonBox::RejectRole);
    auto* rows = new QVBoxLayout(this);
    rows->addWidget(text);
    rows->addWidget(buttons);
}

} // namespace hilum::panels
