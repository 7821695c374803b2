#include "widgets/style/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QPalette>
#include <QStyleFactory>

#include <algorithm>
#include <cmath>

namespace hilum::widgets::theme {

namespace {

// Style sheet with roles in braces; filled by `filled`.
constexpr char Sheet[] = R"(
QToolTip { color: {Text}; background: {Raised}; border: 1px solid {Line}; padding: 4px 6px; }
QMenuBar { background: {Window}; padding: 2px 4px; }
QMenuBar::item { padding: 4px 10px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: {Hover}; }
QMenu { background: {Raised}; border: 1px solid {Line}; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 26px; border-radius: 3px; }
QMenu::item:selected { background: {Selection}; }
QMenu::item:disabled { color: {DisabledText}; }
QMenu::separator { height: 1px; background: {Line}; margin: 4px 6px; }
QMenu::icon { padding-left: 6px; }
QPushButton, QComboBox { background: {Raised}; border: 1px solid {Line}; border-radius: 4px; padding: 4px 12px; min-height: 18px; }
QPushButton:hover, QComboBox:hover { background: {Hover}; }
QPushButton:pressed, QPushButton:checked { background: {Selection}; }
QPushButton:focus, QComboBox:focus { border-color: {Accent}; }
QPushButton:disabled, QComboBox:disabled { color: {DisabledText}; background: {Panel}; }
QPushButton:default { background: {Selection}; border-color: {Accent}; }
QComboBox { padding: 3px 8px; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: url(:/icons/arrow-down.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: {Raised}; border: 1px solid {Line}; selection-background-color: {Selection}; outline: none; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 4px; }
QToolButton:hover { background: {Hover}; }
QToolButton:pressed, QToolButton:checked { background: {Selection}; }
QToolButton:focus { border-color: {Accent}; }
QToolButton::menu-indicator { image: none; }
QToolButton#qt_toolbar_ext_button { qproperty-icon: url(:/icons/more.svg); qproperty-iconSize: 12px 12px; padding: 0; background: {Raised}; }
QLineEdit, QTextEdit, QPlainTextEdit, QSpinBox, QDoubleSpinBox { background: {Field}; border: 1px solid {Line}; border-radius: 4px; padding: 3px 6px;
    selection-background-color: {TextSelection}; selection-color: white; }
QLineEdit:focus, QTextEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus { border-color: {Accent}; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled { color: {DisabledText}; background: {Panel}; }
QLineEdit[invalid="true"], QSpinBox[invalid="true"], QDoubleSpinBox[invalid="true"], QComboBox[invalid="true"] { border-color: {Bad}; }
QSpinBox, QDoubleSpinBox { padding-right: 16px; min-height: 20px; }
QSpinBox::up-button, QDoubleSpinBox::up-button { border: none; width: 16px; subcontrol-position: top right; }
QSpinBox::down-button, QDoubleSpinBox::down-button { border: none; width: 16px; subcontrol-position: bottom right; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/icons/arrow-up.svg); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/icons/arrow-down.svg); width: 10px; height: 10px; }
QCheckBox, QRadioButton { spacing: 7px; background: transparent; }
QCheckBox::indicator, QRadioButton::indicator { width: 15px; height: 15px; border: 1px solid {DisabledText}; border-radius: 3px; background: {Field}; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:checked { image: url(:/icons/check.svg); background: {Selection}; border-color: {Accent}; }
QRadioButton::indicator:checked { border: 5px solid {Accent}; background: white; width: 7px; height: 7px; }
QCheckBox:disabled, QRadioButton:disabled { color: {DisabledText}; }
QGroupBox { border: none; border-top: 1px solid {Line}; margin-top: 18px; padding-top: 6px; font-weight: 600; }
QGroupBox::title { subcontrol-origin: margin; left: 0px; top: 2px; color: {SecondaryText}; }
QAbstractItemView { background: {Panel}; alternate-background-color: {Panel2}; border: none; outline: none; selection-background-color: {Selection}; selection-color: {Text}; }
QTreeView::item, QListView::item, QTableView::item { padding: 2px 4px; border: none; }
QTreeView::item:hover, QListView::item:hover, QTableView::item:hover { background: {Hover}; }
QTreeView::item:selected, QListView::item:selected, QTableView::item:selected { background: {Selection}; color: {Text}; }
QTreeView::branch { background: transparent; }
QTreeView::branch:selected { background: {Selection}; }
QTreeView::branch:has-children:closed { image: url(:/icons/branch-closed.svg); }
QTreeView::branch:has-children:open { image: url(:/icons/branch-open.svg); }
QHeaderView { background: {Panel}; }
QHeaderView::section { background: {Panel}; color: {SecondaryText}; border: none; border-bottom: 1px solid {Line}; padding: 5px 6px; font-weight: 500; }
QTableView { gridline-color: {Line}; }
QTableCornerButton::section { background: {Panel}; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: {Handle}; border-radius: 4px; margin: 1px; }
QScrollBar::handle:hover { background: {DisabledText}; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSlider::groove:horizontal { height: 4px; background: {Line}; border-radius: 2px; }
QSlider::sub-page:horizontal { background: {Accent}; border-radius: 2px; }
QSlider::handle:horizontal { background: {Text}; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; }
QSlider::groove:vertical { width: 4px; background: {Line}; border-radius: 2px; }
QSlider::handle:vertical { background: {Text}; width: 12px; height: 12px; margin: 0 -4px; border-radius: 6px; }
QSlider:disabled { opacity: 0.4; }
QProgressBar { background: {Line}; border: none; border-radius: 3px; height: 6px; text-align: center; color: {Text}; }
QProgressBar::chunk { background: {Accent}; border-radius: 3px; }
QTabWidget::pane { border: none; border-top: 1px solid {Line}; }
QTabBar::tab { background: transparent; color: {SecondaryText}; padding: 6px 12px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: {Text}; border-bottom-color: {Accent}; }
QTabBar::tab:hover { color: {Text}; }
QSplitter::handle { background: {Line}; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QStatusBar { background: {Window}; border-top: 1px solid {Line}; color: {SecondaryText}; }
QStatusBar::item { border: none; }
QDialog { background: {Panel}; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QLabel { background: transparent; }
QLabel[role="heading"] { font-size: 15px; font-weight: 600; }
QLabel[role="secondary"] { color: {SecondaryText}; }
QLabel[role="warning"] { color: {Warning}; }
QLabel[role="bad"] { color: {Bad}; }
QFrame[role="line"] { background: {Line}; border: none; }
QFrame[role="card"] { background: {Panel2}; border: 1px solid {Line}; border-radius: 6px; }
)";

// The docking library's widgets: flat tabs, thin splitters.
constexpr char DockSheet[] = R"(
ads--CDockContainerWidget { background: {Line}; }
ads--CDockContainerWidget > QSplitter { padding: 0; }
ads--CDockSplitter::handle { background: {Line}; }
ads--CDockAreaWidget { background: {Panel}; border: none; }
ads--CDockAreaTitleBar { background: {Window}; border: none; border-bottom: 1px solid {Line}; padding: 0; min-height: 26px; }
ads--CDockAreaWidget #tabsMenuButton::menu-indicator { image: none; }
ads--CDockWidgetTab { background: {Window}; border: none; padding: 0 10px; min-height: 25px; }
ads--CDockWidgetTab QLabel { color: {SecondaryText}; font-weight: 500; }
ads--CDockWidgetTab[activeTab="true"] { background: {Panel}; }
ads--CDockWidgetTab[activeTab="true"] QLabel { color: {Text}; }
ads--CDockWidget { background: {Panel}; border: none; }
ads--CTitleBarButton { padding: 2px; border: none; }
ads--CFloatingDockContainer { background: {Window}; }
)";

QString filled(const char* sheet)
{
    QString text = QString::fromLatin1(sheet);
    const std::pair<const char*, QString> words[] = {
        {"{Field}", css(Role::Field)}, {"{TextSelection}", css(Role::TextSelection)}, {"{Panel2}", QStringLiteral("#272727")}, {"{Handle}", QStringLiteral("#4a4a4a")},
        {"{Window}", css(Role::Window)}, {"{Panel}", css(Role::Panel)}, {"{Raised}", css(Role::Raised)}, {"{Hover}", css(Role::Hover)},
        {"{Line}", css(Role::Line)}, {"{Text}", css(Role::Text)}, {"{SecondaryText}", css(Role::SecondaryText)},
        {"{DisabledText}", css(Role::DisabledText)}, {"{Selection}", css(Role::Selection)}, {"{Accent}", css(Role::Accent)},
        {"{Bad}", css(Role::Bad)}, {"{Warning}", css(Role::Warning)}};
    for (const auto& [word, value] : words)
        text.replace(QLatin1String(word), value);
    return text;
}

} // namespace

QColor colour(Role role)
{
    switch (role) {
    case Role::Canvas: return QColor(0, 0, 0);
    case Role::Window: return QColor(0x1f, 0x1f, 0x1f);
    case Role::Panel: return QColor(0x24, 0x24, 0x24);
    case Role::Raised: return QColor(0x30, 0x30, 0x30);
    case Role::Field: return QColor(0x1a, 0x1a, 0x1a);
    case Role::Hover: return QColor(0x3a, 0x3a, 0x3a);
    case Role::Line: return QColor(0x3d, 0x3d, 0x3d);
    case Role::Text: return QColor(0xe4, 0xe4, 0xe4);
    case Role::SecondaryText: return QColor(0xb6, 0xb6, 0xb6);
    case Role::Placeholder: return QColor(0x94, 0x94, 0x94);
    case Role::DisabledText: return QColor(0x70, 0x70, 0x70);
    case Role::Selection: return QColor(0x3c, 0x47, 0x52);
    case Role::TextSelection: return QColor(0x3f, 0x6a, 0x8f);
    case Role::Accent: return QColor(0x6b, 0x93, 0xb5);
    case Role::Good: return QColor(0x7f, 0xb0, 0x7f);
    case Role::Warning: return QColor(0xd8, 0xaa, 0x50);
    case Role::Bad: return QColor(0xe8, 0x83, 0x7c);
    case Role::Axial: return QColor(0xf3, 0x4a, 0x33);
    case Role::Sagittal: return QColor(0xed, 0xd5, 0x4c);
    case Role::Coronal: return QColor(0x6e, 0xb0, 0x4b);
    case Role::Crosshair: return QColor(0x9f, 0xc8, 0xe0);
    }
    return {};
}

double contrast(const QColor& a, const QColor& b)
{
    const auto luminance = [](const QColor& c) {
        const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
        return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
    };
    const double first = luminance(a), second = luminance(b);
    return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

QString css(Role role)
{
    return colour(role).name();
}

QFont textFont()
{
    QFont font(QFontDatabase::hasFamily(QStringLiteral("Inter")) ? QStringLiteral("Inter") : QFontDatabase::systemFont(QFontDatabase::GeneralFont).family());
    font.setPixelSize(13);
    return font;
}

QFont smallFont()
{
    QFont font = textFont();
    font.setPixelSize(12);
    return font;
}

QFont headingFont()
{
    QFont font = textFont();
    font.setPixelSize(15);
    font.setWeight(QFont::DemiBold);
    return font;
}

QFont numberFont()
{
    QFont font = smallFont();
    font.setFeature(QFont::Tag("tnum"), 1);
    return font;
}

void apply(QApplication& application)
{
    application.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    QPalette palette;
    palette.setColor(QPalette::Window, colour(Role::Window));
    palette.setColor(QPalette::WindowText, colour(Role::Text));
    palette.setColor(QPalette::Base, colour(Role::Panel));
    palette.setColor(QPalette::AlternateBase, QColor(0x27, 0x27, 0x27));
    palette.setColor(QPalette::ToolTipBase, colour(Role::Raised));
    palette.setColor(QPalette::ToolTipText, colour(Role::Text));
    palette.setColor(QPalette::Text, colour(Role::Text));
    palette.setColor(QPalette::PlaceholderText, colour(Role::Placeholder));
    palette.setColor(QPalette::Button, colour(Role::Raised));
    palette.setColor(QPalette::ButtonText, colour(Role::Text));
    palette.setColor(QPalette::BrightText, Qt::white);
    palette.setColor(QPalette::Link, colour(Role::Accent));
    palette.setColor(QPalette::Highlight, colour(Role::Selection));
    palette.setColor(QPalette::HighlightedText, colour(Role::Text));
    palette.setColor(QPalette::Accent, colour(Role::Accent));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, colour(Role::DisabledText));
    application.setPalette(palette);
    application.setFont(textFont());
    application.setStyleSheet(filled(Sheet));
}

QString dockStyleSheet()
{
    return filled(DockSheet);
}

} // namespace hilum::widgets::theme
