#include "app/hilum/test_probe.h"

#include "app/hilum/test_script.h"
#include "core/base/numbers.h"
#include "core/base/paths.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QGroupBox>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QScreen>
#include <QScrollArea>
#include <QSpinBox>
#include <QTabBar>
#include <QTabWidget>
#include <QTextEdit>
#include <QTreeView>
#include <QWindow>

#include <algorithm>
#include <filesystem>
#include <regex>

namespace hilum::app::probe {

namespace {

QString textOf(const std::string& s) { return QString::fromStdString(s); }

QList<QWidget*> named(const QString& name, QWidget* below)
{
    QList<QWidget*> found;
    const QWidgetList all = below ? below->findChildren<QWidget*>() : QApplication::allWidgets();
    for (QWidget* widget : all)
        if (widget->objectName() == name && widget != below)
            found.append(widget);
    std::ranges::stable_sort(found, [](QWidget* a, QWidget* b) { return a->isVisible() > b->isVisible(); });
    return found;
}

QString similarNames(const QString& name)
{
    QStringList names;
    const QString start = name.left(4).toLower();
    for (QWidget* widget : QApplication::allWidgets())
        if (const QString other = widget->objectName(); !other.isEmpty() && !other.startsWith(QLatin1String("qt_")) && other.toLower().contains(start) && !names.contains(other))
            names.append(other);
    return names.mid(0, 8).join(QStringLiteral(", "));
}

int leaves(const QAbstractItemModel* model, const QModelIndex& parent)
{
    const int rows = model->rowCount(parent);
    if (rows == 0)
        return parent.isValid() ? 1 : 0;
    int sum = 0;
    for (int row = 0; row < rows; ++row)
        sum += leaves(model, model->index(row, 0, parent));
    return sum;
}

QModelIndex withText(const QAbstractItemModel* model, const QModelIndex& parent, const QString& text)
{
    for (int row = 0; row < model->rowCount(parent); ++row) {
        const QModelIndex first = model->index(row, 0, parent);
        for (int column = 0; column < model->columnCount(parent); ++column)
            if (model->index(row, column, parent).data().toString().contains(text))
                return model->index(row, column, parent);
        if (const QModelIndex below = withText(model, first, text); below.isValid())
            return below;
    }
    return {};
}

Json fromVariant(const QVariant& value)
{
    switch (value.typeId()) {
    case QMetaType::Bool: return value.toBool();
    case QMetaType::Int: case QMetaType::UInt: case QMetaType::LongLong: case QMetaType::ULongLong: case QMetaType::Long: return value.toLongLong();
    case QMetaType::Double: case QMetaType::Float: return value.toDouble();
    case QMetaType::QStringList: {
        Json list = Json::array();
        for (const QString& one : value.toStringList())
            list.push_back(one.toStdString());
        return list;
    }
    default: return value.toString().toStdString();
    }
}

Result<Json> textShown(QWidget* widget)
{
    if (auto* label = qobject_cast<QLabel*>(widget))
        return label->text().toStdString();
    if (auto* line = qobject_cast<QLineEdit*>(widget))
        return line->text().toStdString();
    if (auto* box = qobject_cast<QComboBox*>(widget))
        return box->currentText().toStdString();
    if (auto* button = qobject_cast<QAbstractButton*>(widget))
        return button->text().remove(QLatin1Char('&')).toStdString();
    if (auto* text = qobject_cast<QTextEdit*>(widget))
        return text->toPlainText().toStdString();
    if (auto* plain = qobject_cast<QPlainTextEdit*>(widget))
        return plain->toPlainText().toStdString();
    if (auto* spin = qobject_cast<QAbstractSpinBox*>(widget))
        return spin->text().toStdString();
    if (auto* group = qobject_cast<QGroupBox*>(widget))
        return group->title().toStdString();
    if (const QVariant text = widget->property("text"); text.isValid())
        return text.toString().toStdString();
    if (!widget->accessibleDescription().isEmpty())
        return widget->accessibleDescription().toStdString();
    return fail(ErrorCode::Usage, "{} shows no text of its own", widget->objectName().toStdString());
}

Result<Json> valueOf(QWidget* widget)
{
    if (auto* spin = qobject_cast<QSpinBox*>(widget))
        return spin->value();
    if (auto* real = qobject_cast<QDoubleSpinBox*>(widget))
        return real->value();
    if (auto* slider = qobject_cast<QAbstractSlider*>(widget))
        return slider->value();
    if (auto* bar = qobject_cast<QProgressBar*>(widget))
        return bar->value();
    if (auto* box = qobject_cast<QComboBox*>(widget))
        return fromVariant(box->currentData());
    return fail(ErrorCode::Usage, "{} holds no number", widget->objectName().toStdString());
}

/// Mean grey 0 to 255 of a part of the picture: "rect" [x, y, width, height] as fractions.
Json brightness(QWidget* widget, const Json& step)
{
    const QImage whole = picture(widget).convertToFormat(QImage::Format_Grayscale8);
    QRect part = whole.rect();
    if (step.contains("rect")) {
        const auto r = step["rect"].get<std::vector<double>>();
        part = QRect(int(r.at(0) * whole.width()), int(r.at(1) * whole.height()), std::max(1, int(r.at(2) * whole.width())), std::max(1, int(r.at(3) * whole.height())));
    }
    part &= whole.rect();
    double sum = 0;
    for (int y = part.top(); y <= part.bottom(); ++y)
        for (int x = part.left(); x <= part.right(); ++x)
            sum += whole.constScanLine(y)[x];
    return part.isEmpty() ? 0.0 : sum / (double(part.width()) * part.height());
}

/// The values at a JSON pointer of all lines of a JSON-lines file that have every member of `where`, as one JSON array in a text.
Result<Json> eachOf(const std::string& text, const std::string& pointer, const Json& where)
{
    const Json::json_pointer at(pointer);
    Json values = Json::array();
    for (const auto& line : JsonLineReader().feed(text)) {
        bool wanted = line.has_value() && line->contains(at);
        for (const auto& [key, value] : where.items())
            wanted = wanted && line->contains(key) && (*line)[key] == value;
        if (wanted)
            values.push_back((*line)[at]);
    }
    return Json(values.dump());
}

Result<Json> ofFile(const Json& step, const std::string& what)
{
    namespace fs = std::filesystem;
    const fs::path file = step["file"].get<std::string>();
    std::error_code error;
    if (what == "exists")
        return fs::exists(file, error);
    if (what == "size")
        return fs::is_regular_file(file, error) ? Json(fs::file_size(file, error)) : Json(0);
    HILUM_TRY(const std::string text, readTextFile(file));
    if (what == "text")
        return text;
    if (what == "lines")
        return std::ranges::count(text, '\n');
    if (what.starts_with("each:"))
        return eachOf(text, what.substr(5), step.value("where", Json::object()));
    HILUM_TRY(const Json json, parseJson(text));
    const Json::json_pointer pointer(what);
    if (!json.contains(pointer))
        return fail(ErrorCode::NotFound, "{} has no {}", file.string(), what);
    return Json(json[pointer]);
}

Result<Json> ofItems(QAbstractItemView* view, const Json& step, const std::string& what)
{
    if (what == "leaves")
        return leaves(view->model(), {});
    if (what == "selected")
        return view->selectionModel() ? view->selectionModel()->selectedRows().size() : 0;
    if (what == "rows" && !step.contains("row") && !step.contains("text"))
        return view->model()->rowCount(view->rootIndex());
    HILUM_TRY(QModelIndex item, findItem(view, step));
    if (what == "rows")
        return view->model()->rowCount(item);
    if (step.contains("column"))
        item = item.siblingAtColumn(step["column"].get<int>());
    return item.data(step.value("role", int(Qt::DisplayRole))).toString().toStdString();
}

Result<Json> ofWidget(QWidget* widget, const Json& step, const std::string& what)
{
    if (what == "text")
        return textShown(widget);
    if (what == "value")
        return valueOf(widget);
    if (what == "enabled")
        return widget->isEnabled();
    if (what == "focus")
        return QApplication::focusWidget() && (widget == QApplication::focusWidget() || widget->isAncestorOf(QApplication::focusWidget()));
    if (what == "title")
        return widget->windowTitle().toStdString();
    if (what == "tip")
        return widget->toolTip().toStdString();
    if (what == "accessible")
        return widget->accessibleDescription().toStdString();
    if (what == "name")
        return widget->accessibleName().toStdString();
    if (what == "width" || what == "height")
        return what == "width" ? widget->width() : widget->height();
    if (what == "checked")
        return widget->property("checked").toBool();
    if (what == "brightness")
        return brightness(widget, step);
    if (what.starts_with("property:")) {
        const QVariant property = widget->property(what.substr(9).c_str());
        if (!property.isValid())
            return fail(ErrorCode::NotFound, "{} has no property {}", widget->objectName().toStdString(), what.substr(9));
        return fromVariant(property);
    }
    if (auto* tabs = qobject_cast<QTabWidget*>(widget); tabs && what == "tab")
        return tabs->tabText(tabs->currentIndex()).toStdString();
    if (auto* view = qobject_cast<QAbstractItemView*>(widget))
        return ofItems(view, step, what);
    return fail(ErrorCode::Usage, "\"what\": \"{}\" means nothing for {}", what, widget->objectName().toStdString());
}

/// The n-th number in a text, from 0.
Result<Json> numberIn(const Json& value, std::int64_t n)
{
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    static const std::regex Number(R"(-?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?)");
    std::int64_t at = 0;
    for (std::sregex_iterator i(text.begin(), text.end(), Number), none; i != none; ++i, ++at)
        if (at == n) {
            std::string digits = i->str();
            std::erase(digits, ',');
            HILUM_TRY(const double number, parseDouble(digits));
            return asJson(number);
        }
    return fail(ErrorCode::CheckFailed, "\"{}\" has no number {}", text, n);
}

} // namespace

Result<QWidget*> find(const std::string& target)
{
    QWidget* below = nullptr;
    const QStringList parts = textOf(target).split(QLatin1Char('/'), Qt::SkipEmptyParts);
    if (parts.isEmpty())
        return fail(ErrorCode::Usage, "the step lacks a target");
    for (const QString& part : parts) {
        const QString name = part.section(QLatin1Char('#'), 0, 0);
        const int number = part.contains(QLatin1Char('#')) ? part.section(QLatin1Char('#'), 1).toInt() : 1;
        const auto found = named(name, below);
        if (number < 1 || found.size() < number)
            return fail(ErrorCode::NotFound, "there is no widget \"{}\"{}; similar: {}", part.toStdString(),
                        below ? " in " + below->objectName().toStdString() : std::string(), similarNames(name).toStdString());
        below = found[number - 1];
    }
    return below;
}

QAction* findAction(const std::string& name)
{
    for (QWidget* top : QApplication::topLevelWidgets())
        if (auto* action = top->findChild<QAction*>(textOf(name)))
            return action;
    return nullptr;
}

Result<QModelIndex> findItem(QAbstractItemView* view, const Json& step)
{
    QAbstractItemModel* model = view->model();
    QModelIndex item = view->rootIndex();
    if (step.contains("row")) {
        const Json rows = step["row"].is_array() ? step["row"] : Json::array({step["row"]});
        for (const Json& one : rows) {
            int row = one.get<int>();
            if (row < 0)
                row += model->rowCount(item);
            const QModelIndex next = model->index(row, 0, item);
            if (!next.isValid())
                return fail(ErrorCode::NotFound, "{} has {} rows here, no row {}", view->objectName().toStdString(), model->rowCount(item), one.get<int>());
            item = next;
        }
    } else if (step.contains("text")) {
        item = withText(model, item, textOf(step["text"].get<std::string>()));
        if (!item.isValid())
            return fail(ErrorCode::NotFound, "{} has no item with \"{}\"", view->objectName().toStdString(), step["text"].get<std::string>());
    } else {
        item = view->currentIndex();
        if (!item.isValid())
            return fail(ErrorCode::NotFound, "{} has no current item", view->objectName().toStdString());
    }
    return item;
}

Result<QPoint> place(QWidget*& widget, const Json& step)
{
    if (auto* view = qobject_cast<QAbstractItemView*>(widget); view && (step.contains("row") || step.contains("text"))) {
        HILUM_TRY(QModelIndex item, findItem(view, step));
        item = item.siblingAtColumn(step.value("column", item.column()));
        if (auto* tree = qobject_cast<QTreeView*>(view))
            for (QModelIndex parent = item.parent(); parent.isValid(); parent = parent.parent())
                tree->expand(parent);
        view->scrollTo(item);
        widget = view->viewport();
        const QRect rect = view->visualRect(item);
        return QPoint(std::min(rect.center().x(), rect.left() + 40), rect.center().y());
    }
    if (auto* tabs = qobject_cast<QTabWidget*>(widget); tabs && step.contains("tab"))
        widget = tabs->tabBar();
    if (auto* bar = qobject_cast<QTabBar*>(widget); bar && step.contains("tab")) {
        for (int i = 0; i < bar->count(); ++i)
            if (bar->tabText(i).remove(QLatin1Char('&')) == textOf(step["tab"].get<std::string>()))
                return bar->tabRect(i).center();
        return fail(ErrorCode::NotFound, "there is no tab \"{}\"", step["tab"].get<std::string>());
    }
    if (auto* area = qobject_cast<QAbstractScrollArea*>(widget))
        widget = area->viewport();
    if (step.contains("pos"))
        return QPoint(step["pos"].at(0).get<int>(), step["pos"].at(1).get<int>());
    if (step.contains("at"))
        return QPoint(int(step["at"].at(0).get<double>() * (widget->width() - 1)), int(step["at"].at(1).get<double>() * (widget->height() - 1)));
    // a check box is hit at its box, not in the empty part of its row
    if (auto* button = qobject_cast<QAbstractButton*>(widget); button && button->isCheckable() && widget->inherits("QCheckBox"))
        return QPoint(10, widget->height() / 2);
    return widget->rect().center();
}

void scrollTo(QWidget* widget)
{
    for (QWidget* outer = widget->parentWidget(); outer; outer = outer->parentWidget())
        if (auto* area = qobject_cast<QScrollArea*>(outer); area && area->widget() && area->widget()->isAncestorOf(widget))
            area->ensureWidgetVisible(widget);
}

Result<Json> value(const Json& step)
{
    const std::string what = step.value("what", "text");
    Json found;
    if (step.contains("file")) {
        HILUM_TRY(found, ofFile(step, what));
    } else if (step.contains("variable")) {
        found = step["variable"];
    } else {
        const std::string target = step.value("target", "");
        auto widget = find(target);
        if (what == "exists")
            found = widget.has_value();
        else if (what == "visible")
            found = widget && (*widget)->isVisible();
        else if (QAction* action = widget ? nullptr : findAction(target); action && (what == "enabled" || what == "checked" || what == "text"))
            found = what == "text" ? Json(action->text().toStdString()) : Json(what == "enabled" ? action->isEnabled() : action->isChecked());
        else if (!widget)
            return std::unexpected(std::move(widget).error());
        else {
            HILUM_TRY(found, ofWidget(*widget, step, what));
        }
    }
    if (step.contains("after")) {
        const std::string text = found.is_string() ? found.get<std::string>() : found.dump(), words = step["after"].get<std::string>();
        const std::size_t at = text.find(words);
        if (at == std::string::npos)
            return fail(ErrorCode::CheckFailed, "\"{}\" has no \"{}\"", text, words);
        found = text.substr(at + words.size());
    }
    if (step.contains("number"))
        return numberIn(found, step["number"].get<std::int64_t>());
    return found;
}

QImage picture(QWidget* widget)
{
    if (QGuiApplication::platformName() == QLatin1String("xcb")) {
        // what the screen shows, dialogs and menus over the window included
        QScreen* screen = widget->screen();
        const QPoint corner = widget->mapToGlobal(QPoint(0, 0)) - screen->geometry().topLeft();
        QImage image = screen->grabWindow(0, corner.x(), corner.y(), widget->width(), widget->height()).toImage();
        if (!image.isNull())
            return image;
    }
    QImage image = widget->grab().toImage();
    QPainter painter(&image);
    const QPoint origin = widget->mapToGlobal(QPoint(0, 0));
    for (QWidget* top : QApplication::topLevelWidgets())
        if (top->isVisible() && top != widget->window())
            painter.drawPixmap(top->mapToGlobal(QPoint(0, 0)) - origin, top->grab());
    return image;
}

} // namespace hilum::app::probe
