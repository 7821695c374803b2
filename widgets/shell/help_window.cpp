#include "widgets/shell/help_window.h"

#include "widgets/style/theme.h"

#include <QFile>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QPushButton>
#include <QTextBrowser>
#include <QTextCursor>
#include <QTextDocument>
#include <QTextFrame>
#include <QTextTable>

namespace hilum::widgets {

namespace {

constexpr char Folder[] = ":/docs/user/";

QUrl urlOf(const QString& page)
{
    return QUrl(QStringLiteral("qrc%1%2.md").arg(QLatin1String(Folder), page));
}

} // namespace

HelpWindow::HelpWindow(QWidget* parent)
    : QDialog(parent)
    , m_text(new QTextBrowser(this))
{
    setObjectName(QStringLiteral("helpWindow"));
    setWindowTitle(tr("Help"));
    m_text->setObjectName(QStringLiteral("helpText"));
    m_text->setAccessibleName(tr("Help"));
    m_text->document()->setDocumentMargin(18);
    m_text->setOpenExternalLinks(false); // nothing is fetched from the network
    const auto button = [this](const char* name, const QString& text, const QString& tip) {
        auto* made = new QPushButton(text, this);
        made->setObjectName(QString::fromLatin1(name));
        made->setToolTip(tip);
        made->setAutoDefault(false);
        return made;
    };
    auto* back = button("helpBack", tr("Back"), tr("The page before"));
    auto* contents = button("helpContents", tr("Contents"), tr("The first page of the guide"));
    auto* keys = button("helpKeys", tr("Keys and mouse"), tr("The table of all keys"));
    back->setEnabled(false);
    connect(back, &QPushButton::clicked, m_text, &QTextBrowser::backward);
    connect(m_text, &QTextBrowser::backwardAvailable, back, &QPushButton::setEnabled);
    connect(contents, &QPushButton::clicked, this, [this] { showPage(QStringLiteral("guide")); });
    connect(keys, &QPushButton::clicked, this, [this] { showPage(QStringLiteral("keys")); });
    connect(m_text, &QTextBrowser::sourceChanged, this, &HelpWindow::setType);
    auto* row = new QHBoxLayout;
    row->addWidget(back);
    row->addWidget(contents);
    row->addWidget(keys);
    row->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setSpacing(theme::Space);
    column->addLayout(row);
    column->addWidget(m_text, 1);
    resize(860, 720);
}

void HelpWindow::showPage(const QString& page)
{
    const bool there = QFile::exists(QStringLiteral("%1%2.md").arg(QLatin1String(Folder), page));
    m_text->setSource(urlOf(there ? page : QStringLiteral("guide")), QTextDocument::MarkdownResource);
}

void HelpWindow::setType()
{
    // Markdown comes without any: air between lines, paragraphs and cells
    QTextCursor cursor(m_text->document());
    cursor.select(QTextCursor::Document);
    QTextBlockFormat block;
    block.setLineHeight(125, QTextBlockFormat::ProportionalHeight);
    block.setBottomMargin(5);
    cursor.mergeBlockFormat(block);
    for (QTextFrame* frame : m_text->document()->rootFrame()->childFrames())
        if (auto* table = qobject_cast<QTextTable*>(frame)) {
            QTextTableFormat format = table->format();
            format.setCellPadding(5);
            format.setCellSpacing(0);
            format.setBorder(1);
            format.setWidth(QTextLength(QTextLength::PercentageLength, 99)); // its border has room
            format.setBorderCollapse(true);
            format.setBorderBrush(theme::colour(theme::Role::Line));
            format.setTopMargin(6);
            format.setBottomMargin(10);
            table->setFormat(format);
        }
    m_text->moveCursor(QTextCursor::Start);
}

QString HelpWindow::page() const
{
    return QFileInfo(m_text->source().path()).completeBaseName();
}

} // namespace hilum::widgets
