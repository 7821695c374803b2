#include "widgets/shell/start_problem.h"

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/error_banner.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {

QString whatToDo(const Error& error)
{
    switch (error.code) {
    case ErrorCode::NotFound: return QObject::tr("Connect the disk or the network share and try again, or work with another library.");
    case ErrorCode::Busy: return QObject::tr("Wait until the other program has finished or close it, then try again; or work with another library.");
    case ErrorCode::BadData: return QObject::tr("Put a copy of library.sqlite back and try again, or work with another library. Images and runs are not in it: they can be added again.");
    case ErrorCode::WrongVersion: return QObject::tr("Start the newer Hilum that wrote it, or work with another library.");
    default: return QString::fromUtf8(advice(error.code).data(), qsizetype(advice(error.code).size()));
    }
}

struct Button {
    const char* name;
    QString text, tip;
};

Button wordsOf(StartProblem::Way way)
{
    using Way = StartProblem::Way;
    switch (way) {
    case Way::Again: return {"startAgain", QObject::tr("Try again"), QObject::tr("Opens the same library once more")};
    case Way::Make: return {"startMake", QObject::tr("Make a new one there"), QObject::tr("Makes an empty library in this folder; do this only where none was")};
    case Way::Other: return {"startOther", QObject::tr("Other folder..."), QObject::tr("Uses the library in another folder, from now on")};
    case Way::Usual: return {"startUsual", QObject::tr("Usual library"), QObject::tr("Uses the library in your own data folder, this time")};
    case Way::Quit: break;
    }
    return {"startQuit", QObject::tr("Quit"), QObject::tr("Ends the program")};
}

QLabel* paragraph(const QString& name, const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    label->setObjectName(name);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    return label;
}

} // namespace

StartProblem::StartProblem(const Error& error, const QString& doing, const std::vector<Way>& ways, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("startProblem"));
    setWindowTitle(QStringLiteral("Hilum"));
    setWindowIcon(icon(QStringLiteral("app")));
    auto* what = paragraph(QStringLiteral("startWhat"), tr("%1 did not work").arg(doing), this);
    what->setFont(theme::headingFont());
    auto* why = paragraph(QStringLiteral("startWhy"), QString::fromStdString(error.sentence()) + QLatin1Char('.'), this);
    auto* todo = paragraph(QStringLiteral("startAdvice"), whatToDo(error), this);
    auto* copy = new QPushButton(tr("Copy details"), this);
    copy->setObjectName(QStringLiteral("startCopy"));
    copy->setToolTip(tr("Copies everything known about this to the clipboard"));
    connect(copy, &QPushButton::clicked, this, [text = ErrorBanner::details(error, doing)] { QGuiApplication::clipboard()->setText(text); });
    auto* row = new QHBoxLayout;
    row->setSpacing(theme::Space);
    row->addWidget(copy);
    row->addStretch(1);
    for (const Way way : ways)
        add(way, row);
    add(Way::Again, row);
    add(Way::Quit, row);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(24, 20, 24, 16);
    column->setSpacing(12);
    for (QLabel* label : {what, why, todo})
        column->addWidget(label);
    column->addSpacing(8);
    column->addLayout(row);
    setMinimumWidth(620);
}

void StartProblem::add(Way way, QHBoxLayout* row)
{
    const Button words = wordsOf(way);
    auto* button = new QPushButton(words.text, this);
    button->setObjectName(QLatin1String(words.name));
    button->setToolTip(words.tip);
    button->setAutoDefault(false);
    button->setDefault(way == Way::Again);
    connect(button, &QPushButton::clicked, this, [this, way] {
        m_way = way;
        accept();
    });
    row->addWidget(button);
}

StartProblem::Way StartProblem::ask()
{
    m_way = Way::Quit;
    exec();
    return m_way;
}

} // namespace hilum::widgets
