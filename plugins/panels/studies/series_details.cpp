#include "plugins/panels/studies/series_details.h"

#include "core/base/numbers.h"
#include "widgets/models/series_text.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace hilum::panels {

namespace {

constexpr int Width = 300, PictureSize = 220;

QString text(const std::string& s)
{
    return QString::fromStdString(s);
}

/// Does what the action does, is on and off with it and tells its keys.
QPushButton* buttonFor(QAction* action, const char* objectName, QWidget* parent)
{
    auto* button = new QPushButton(action->icon(), action->text(), parent);
    button->setObjectName(QLatin1String(objectName));
    const auto follow = [button, action] {
        button->setEnabled(action->isEnabled());
        button->setToolTip(action->toolTip());
    };
    QObject::connect(action, &QAction::changed, button, follow);
    QObject::connect(button, &QPushButton::clicked, action, &QAction::trigger);
    follow();
    return button;
}

} // namespace

SeriesDetails::SeriesDetails(const SeriesActions& actions, QWidget* parent)
    : QFrame(parent)
    , m_picture(new QLabel(this))
    , m_title(new QLabel(this))
    , m_notes(new QLabel(this))
    , m_facts(new QFormLayout)
    , m_read(buttonFor(actions.read, "openReadButton", this))
    , m_lab(buttonFor(actions.lab, "openLabButton", this))
    , m_explain(buttonFor(actions.explain, "explainButton", this))
    , m_relink(buttonFor(actions.relink, "relinkButton", this))
{
    setObjectName(QStringLiteral("seriesDetails"));
    setFixedWidth(Width);
    setStyleSheet(QStringLiteral("#seriesDetails { border: none; border-left: 1px solid %1; }").arg(widgets::theme::css(widgets::theme::Role::Line)));
    m_picture->setObjectName(QStringLiteral("detailsPicture"));
    m_picture->setFixedSize(PictureSize, PictureSize);
    m_picture->setAlignment(Qt::AlignCenter);
    m_picture->setStyleSheet(QStringLiteral("background: black; border-radius: 4px;"));
    m_title->setObjectName(QStringLiteral("detailsTitle"));
    m_title->setFont(widgets::theme::headingFont());
    m_title->setTextFormat(Qt::PlainText);
    m_title->setWordWrap(true);
    m_notes->setObjectName(QStringLiteral("detailsNotes"));
    m_notes->setTextFormat(Qt::PlainText);
    m_notes->setWordWrap(true);
    m_notes->setProperty("role", "warning");
    m_facts->setHorizontalSpacing(14);
    m_facts->setVerticalSpacing(5);
    m_facts->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);

    auto* open = new QHBoxLayout;
    open->setSpacing(widgets::theme::Space);
    open->addWidget(m_read, 1);
    open->addWidget(m_lab, 1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(18, 18, 18, 18);
    column->setSpacing(12);
    column->addWidget(m_picture, 0, Qt::AlignHCenter);
    column->addWidget(m_title);
    column->addLayout(m_facts);
    column->addWidget(m_notes);
    column->addStretch(1);
    column->addLayout(open);
    column->addWidget(m_explain);
    column->addWidget(m_relink);
    show(nullptr, {});
}

void SeriesDetails::fact(const QString& label, const QString& value)
{
    if (value.isEmpty())
        return;
    auto* name = new QLabel(label, this);
    name->setProperty("role", "secondary");
    auto* content = new QLabel(value, this);
    content->setTextFormat(Qt::PlainText);
    content->setWordWrap(true);
    content->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_facts->addRow(name, content);
}

void SeriesDetails::show(const project::SeriesRow* row, const QPixmap& thumbnail)
{
    while (m_facts->rowCount() > 0)
        m_facts->removeRow(0);
    for (QWidget* widget : std::initializer_list<QWidget*>{m_picture, m_read, m_lab, m_explain})
        widget->setVisible(row != nullptr);
    m_relink->setVisible(row && row->missing);
    m_notes->setVisible(row && (row->missing || !row->notices.empty()));
    if (!row) {
        m_title->setText(tr("Nothing chosen"));
        return;
    }
    const qreal ratio = devicePixelRatioF();
    QPixmap picture = thumbnail.scaled(QSize(PictureSize, PictureSize) * ratio, Qt::KeepAspectRatio, Qt::SmoothTransformation);
    picture.setDevicePixelRatio(ratio);
    m_picture->setPixmap(picture);
    m_title->setText(widgets::series_text::title(*row));
    fact(tr("Modality"), text(row->modality));
    fact(tr("Kind"), text(row->kind));
    fact(tr("Size"), widgets::series_text::size(*row));
    if (row->frames > 1)
        fact(tr("Frames"), text(grouped(row->frames)));
    fact(tr("Body part"), text(row->bodyPart));
    fact(tr("Format"), text(row->format));
    fact(tr("Place"), text(row->where.string()));
    m_notes->setText(widgets::series_text::allNotes(*row));
}

} // namespace hilum::panels
