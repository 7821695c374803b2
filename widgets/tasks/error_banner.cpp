#include "widgets/tasks/error_banner.h"

#include "core/base/version.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {

constexpr int NoteMilliseconds = 7000;
constexpr std::size_t ShownFaults = 4;

QString sentence(std::string text)
{
    QString s = QString::fromStdString(text).trimmed();
    if (s.isEmpty())
        return s;
    s[0] = s[0].toUpper();
    if (!s.endsWith(QLatin1Char('.')))
        s += QLatin1Char('.');
    return s;
}

QString readable(ErrorCode code)
{
    QString text = QString::fromUtf8(name(code).data(), qsizetype(name(code).size())).replace(QLatin1Char('_'), QLatin1Char(' '));
    text[0] = text[0].toUpper();
    return text;
}

} // namespace

ErrorBanner::ErrorBanner(QWidget* parent)
    : QFrame(parent)
    , m_icon(new QLabel(this))
    , m_what(new QLabel(this))
    , m_why(new QLabel(this))
    , m_advice(new QLabel(this))
    , m_more(new QLabel(this))
    , m_copy(new QPushButton(tr("Copy details"), this))
    , m_close(new QToolButton(this))
{
    setObjectName(QStringLiteral("errorBanner"));
    m_what->setObjectName(QStringLiteral("errorWhat"));
    m_why->setObjectName(QStringLiteral("errorWhy"));
    m_advice->setObjectName(QStringLiteral("errorAdvice"));
    m_more->setObjectName(QStringLiteral("errorMore"));
    m_copy->setObjectName(QStringLiteral("errorCopy"));
    m_close->setObjectName(QStringLiteral("errorClose"));
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    m_what->setFont(bold);
    for (QLabel* label : {m_what, m_why, m_advice}) {
        label->setTextFormat(Qt::PlainText);
        label->setWordWrap(true);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    }
    m_advice->setProperty("role", "secondary");
    m_more->setProperty("role", "secondary");
    m_close->setIcon(icon(QStringLiteral("close")));
    m_close->setToolTip(tr("Close this message"));
    m_close->setAccessibleName(tr("Close this message"));
    m_copy->setToolTip(tr("Copy everything known about this to the clipboard, for a report to the people who look after the program"));

    auto* texts = new QVBoxLayout;
    texts->setSpacing(2);
    texts->addWidget(m_what);
    texts->addWidget(m_why);
    texts->addWidget(m_advice);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(12, 8, 8, 8);
    row->setSpacing(12);
    row->addWidget(m_icon, 0, Qt::AlignTop);
    row->addLayout(texts, 1);
    row->addWidget(m_more, 0, Qt::AlignVCenter);
    row->addWidget(m_copy, 0, Qt::AlignVCenter);
    row->addWidget(m_close, 0, Qt::AlignTop);
    m_noteTimer.setSingleShot(true);
    connect(&m_noteTimer, &QTimer::timeout, this, &ErrorBanner::showNewest);
    connect(m_close, &QToolButton::clicked, this, &ErrorBanner::closeOne);
    connect(m_copy, &QPushButton::clicked, this, [this] {
        if (!m_errors.empty())
            QGuiApplication::clipboard()->setText(details(m_errors.back().error, m_errors.back().doing));
    });
    hide();
}

QString ErrorBanner::details(const Error& error, const QString& doing)
{
    QStringList lines;
    if (!doing.isEmpty())
        lines << doing;
    lines << QString::fromStdString(error.sentence());
    lines << QStringLiteral("code %1 (%2)%3").arg(int(error.code)).arg(QString::fromStdString(std::string(name(error.code))),
                                                                      error.reason.empty() ? QString() : QStringLiteral(", reason ") + QString::fromStdString(error.reason));
    for (const std::string& fault : error.details)
        lines << QStringLiteral("- ") + QString::fromStdString(fault);
    lines << QStringLiteral("hilum %1 (%2)").arg(QString::fromUtf8(Version), QString::fromUtf8(GitDescription));
    return lines.join(QLatin1Char('\n'));
}

void ErrorBanner::showError(const Error& error, const QString& doing)
{
    m_errors.push_back({error, doing});
    m_noteTimer.stop();
    showNewest();
}

void ErrorBanner::showNote(const QString& text)
{
    setProperty("kind", "note");
    m_icon->setPixmap(icon(QStringLiteral("info")).pixmap(20));
    m_what->setText(text);
    m_why->hide();
    m_advice->hide();
    m_more->hide();
    m_copy->hide();
    setStyleSheet(QStringLiteral("#errorBanner { background: %1; border: none; border-bottom: 1px solid %2; }").arg(theme::css(theme::Role::Raised), theme::css(theme::Role::Line)));
    show();
    m_noteTimer.start(NoteMilliseconds);
}

void ErrorBanner::showNewest()
{
    if (m_errors.empty()) {
        hide();
        return;
    }
    setProperty("kind", "error");
    const auto& [error, doing] = m_errors.back();
    m_icon->setPixmap(icon(QStringLiteral("warning")).pixmap(20));
    m_what->setText(doing.isEmpty() ? readable(error.code) : tr("%1 did not work").arg(doing));
    QStringList why{sentence(error.message)};
    for (std::size_t i = 0; i < std::min(error.details.size(), ShownFaults); ++i)
        why << QStringLiteral("\u2022 ") + QString::fromStdString(error.details[i]);
    if (error.details.size() > ShownFaults)
        why << tr("and %n more, see Copy details", nullptr, int(error.details.size() - ShownFaults));
    m_why->setText(why.join(QLatin1Char('\n')));
    m_advice->setText(sentence(std::string(advice(error.code))));
    m_why->show();
    m_advice->setVisible(!m_advice->text().isEmpty());
    m_copy->show();
    m_more->setVisible(m_errors.size() > 1);
    m_more->setText(tr("%n more", nullptr, int(m_errors.size()) - 1));
    setStyleSheet(QStringLiteral("#errorBanner { background: #3a2a28; border: none; border-left: 4px solid %1; border-bottom: 1px solid %2; }").arg(theme::css(theme::Role::Bad), theme::css(theme::Role::Line)));
    show();
}

void ErrorBanner::closeOne()
{
    if (m_noteTimer.isActive())
        m_noteTimer.stop();
    else if (!m_errors.empty())
        m_errors.pop_back();
    showNewest();
}

} // namespace hilum::widgets
