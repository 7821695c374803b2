#pragma once

#include "core/services/model_server.h"
#include "core/services/task_runner.h"
#include "tests/support/compare.h"
#include "tests/support/fake_library.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"
#include "widgets/shell/settings.h"
#include "widgets/tasks/task_center.h"

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMainWindow>
#include <QMouseEvent>
#include <QPluginLoader>
#include <QSemaphore>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QWheelEvent>
#include <QWindow>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace hilum::tests {

/// A radiograph of 512 x 512: a ramp from left to right, 0 to 255, with a bright square in the middle of patch r4 c10.
inline imaging::Volume ramp(std::int64_t slices = 1, const std::array<std::string, 2>& orientation = {})
{
    constexpr std::int64_t Side = 512;
    std::vector<std::uint8_t> voxels(static_cast<std::size_t>(Side * Side * slices));
    for (std::int64_t k = 0; k < slices; ++k)
        for (std::int64_t y = 0; y < Side; ++y)
            for (std::int64_t x = 0; x < Side; ++x)
                voxels[static_cast<std::size_t>((k * Side + y) * Side + x)] = static_cast<std::uint8_t>(x / 2);
    imaging::ImageHeader header;
    header.geometry.size = {Side, Side, slices};
    header.hasPatientSpace = slices > 1;
    header.modality = slices > 1 ? "CT" : "DX";
    header.unit = imaging::Unit::Grey;
    header.patientOrientation = orientation;
    header.windows = {{.centre = 127.5, .width = 255, .name = "all", .shape = imaging::Window::Shape::LinearExact}};
    return {header, std::move(voxels)};
}

/// A CT of 96 x 96 voxels of 2 x 2 x 4 mm and so many slices, head first supine, with a bright voxel at (20, 30, 5) and otherwise a ramp along i.
inline imaging::Volume ct(int slices = 24)
{
    imaging::ImageHeader header;
    header.geometry = {.size = {96, 96, slices}, .spacingMm = {2, 2, 4}, .originLps = {-95, -80, 100}, .direction = {}};
    header.modality = "CT";
    header.unit = imaging::Unit::Hu;
    std::vector<std::int16_t> voxels;
    for (int k = 0; k < slices; ++k)
        for (int j = 0; j < 96; ++j)
            for (int i = 0; i < 96; ++i)
                voxels.push_back(static_cast<std::int16_t>(i == 20 && j == 30 && k == 5 ? 1000 : -800 + 8 * i));
    return {header, std::move(voxels)};
}

inline constexpr int Wait = 60000; // ms; ten times what a slow machine takes
inline constexpr int Threads = 2;  // of the task runner

/// Keeps all threads of a task runner busy, so that what is asked of it meanwhile comes later, in order.
class HeldRunner {
public:
    explicit HeldRunner(services::TaskRunner& runner)
    {
        for (int n = 0; n < Threads; ++n)
            runner.run<bool>(
                &m_receiver,
                [state = m_state](const Work&) -> Result<bool> {
                    state->busy.release();
                    state->gate.acquire();
                    return true;
                },
                [](Result<bool>) {});
        m_state->busy.acquire(Threads);
    }
    ~HeldRunner() { letGo(Threads); }
    /// One thread alone does what waits in the order it was asked.
    void letGo(int threads)
    {
        threads = std::min(threads, m_held);
        m_held -= threads;
        m_state->gate.release(threads);
    }

private:
    struct State {
        QSemaphore busy, gate;
    };
    std::shared_ptr<State> m_state = std::make_shared<State>();
    QObject m_receiver;
    int m_held = Threads;
};

/// The Lab as the window loads it, found by object names, against lab_worker.
struct LabBench {
    QTemporaryDir m_home;
    FakeLibrary m_library;
    std::unique_ptr<services::TaskRunner> m_runner, m_longWork;
    std::unique_ptr<widgets::TaskCenter> m_tasks;
    std::unique_ptr<services::ModelServer> m_models;
    std::unique_ptr<widgets::Selection> m_selection;
    std::unique_ptr<widgets::Messages> m_messages;
    std::unique_ptr<widgets::Settings> m_settings;
    std::unique_ptr<QMainWindow> m_window;
    std::unique_ptr<widgets::Actions> m_actions;
    widgets::Panel* m_panel = nullptr;

    template <class W> W* find(const char* name) const { return m_panel->findChild<W*>(QLatin1String(name)); }
    QString label(const char* name) const { return find<QLabel>(name)->text(); }
    QString hash(const char* name) const { return m_panel->property(name).toString(); }
    QPoint at(QWidget* view, int row, int column) const
    {
        // views of equal width and height below their caption of 22 show the whole image
        const double side = std::min(view->width(), view->height() - 22), left = (view->width() - side) / 2, top = 22 + (view->height() - 22 - side) / 2;
        return QPoint(static_cast<int>(left + (column + 0.5) * side / 16), static_cast<int>(top + (row + 0.5) * side / 16));
    }
    void chooseMethod(const QString& title) const
    {
        auto* combo = find<QComboBox>("methodCombo");
        QTRY_VERIFY_WITH_TIMEOUT(combo->findText(title) >= 0, Wait);
        combo->setCurrentIndex(combo->findText(title));
    }
    static void drag(QWidget* widget, const QPoint& by)
    {
        QCoreApplication::sendPostedEvents(); // a layout that waits moves the widget
        QWidget* window = widget->window();
        const QPoint from = widget->mapTo(window, widget->rect().center());
        QTest::mousePress(window->windowHandle(), Qt::LeftButton, {}, from);
        for (int piece = 1; piece <= 8; ++piece)
            QTest::mouseMove(window->windowHandle(), from + by * piece / 8);
        QTest::mouseRelease(window->windowHandle(), Qt::LeftButton, {}, from + by);
    }
    /// The action that these keys call.
    QAction* byKeys(const char* keys) const
    {
        for (QAction* action : m_actions->all())
            if (action->shortcuts().contains(QKeySequence(QString::fromLatin1(keys))))
                return action;
        return nullptr;
    }
    void press(const char* keys) const
    {
        QAction* action = byKeys(keys);
        QVERIFY2(action, keys);
        action->trigger();
    }
    static void turn(QWidget* view, int angle, Qt::KeyboardModifiers keys)
    {
        const QPoint middle = view->rect().center();
        QWheelEvent event(middle, view->mapToGlobal(middle), {}, {0, angle}, Qt::NoButton, keys, Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(view, &event);
    }
    static void move(QWidget* view, const QPoint& to, Qt::KeyboardModifiers keys = {}, Qt::MouseButtons buttons = {})
    {
        QMouseEvent event(QEvent::MouseMove, QPointF(to), view->mapToGlobal(QPointF(to)), Qt::NoButton, buttons, keys);
        QCoreApplication::sendEvent(view, &event);
    }
    static QStringList lines(const QString& file)
    {
        QFile in(file);
        return in.open(QIODevice::ReadOnly) ? QString::fromUtf8(in.readAll()).split(QLatin1Char('\n'), Qt::SkipEmptyParts) : QStringList();
    }
    void settle() const { QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool() && label("maskStats").contains(QStringLiteral("loss")), Wait); }

    /// A checkpoint of a run in the home folder, whose weights lab_worker takes for those of the step.
    path checkpoint(int step) const
    {
        const path folder = path(m_home.path().toStdString()) / "run" / "checkpoints" / ("step-" + std::to_string(step));
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "model.safetensors") << "weights";
        return folder;
    }
    QString holdFile() const { return m_home.filePath(QStringLiteral("hold")); }
    /// While it lies there no question to the worker is answered, except the loading of weights.
    void hold(bool on) const { on ? (void)std::ofstream(holdFile().toStdString()).put('x') : (void)QFile::remove(holdFile()); }
    QString refuseFile() const { return m_home.filePath(QStringLiteral("refuse")); }
    /// While it lies there the worker refuses to reconstruct.
    void refuse(bool on) const { on ? (void)std::ofstream(refuseFile().toStdString()).put('x') : (void)QFile::remove(refuseFile()); }
    path model(const char* name) const { return path(m_home.filePath(QLatin1String(name)).toStdString()); }
    /// Types a file's name into the dialog that opens next.
    void answerDialog(const path& file) const
    {
        QTimer::singleShot(0, m_panel, [file] {
            auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
            QVERIFY(dialog);
            auto* name = dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
            QVERIFY(name);
            name->setText(QString::fromStdString(file.string()));
            dialog->accept();
        });
    }

    void setEnvironment() const
    {
        qputenv("HILUM_HOME", m_home.path().toUtf8());
        qputenv("HILUM_WORKER", LAB_WORKER);
        qputenv("LAB_WORKER_LOG", m_home.filePath(QStringLiteral("attention.log")).toUtf8());
        qputenv("LAB_WORKER_HOLD", holdFile().toUtf8());
        qputenv("LAB_WORKER_REFUSE", refuseFile().toUtf8());
    }
    void start()
    {
        m_runner = std::make_unique<services::TaskRunner>(nullptr, Threads);
        m_longWork = std::make_unique<services::TaskRunner>();
        m_tasks = std::make_unique<widgets::TaskCenter>(m_runner.get(), m_longWork.get());
        m_models = std::make_unique<services::ModelServer>();
        m_selection = std::make_unique<widgets::Selection>();
        m_messages = std::make_unique<widgets::Messages>();
        m_settings = std::make_unique<widgets::Settings>(m_home.filePath(QStringLiteral("window.ini")));
        m_settings->remove(QStringLiteral("input/profile"));
        m_window = std::make_unique<QMainWindow>();
        m_actions = std::make_unique<widgets::Actions>(m_window.get());
        QPluginLoader loader(QStringLiteral(LAB_PLUGIN));
        auto* factory = qobject_cast<widgets::PanelFactory*>(loader.instance());
        QVERIFY2(factory, qPrintable(loader.errorString()));
        widgets::PanelContext context;
        context.services.library = &m_library;
        context.services.runner = m_runner.get();
        context.services.models = m_models.get();
        context.services.selection = m_selection.get();
        context.services.messages = m_messages.get();
        context.services.settings = m_settings.get();
        context.services.tasks = m_tasks.get();
        context.actions = m_actions.get();
        context.workspace = QStringLiteral("lab");
        m_actions->addContextWidget(context.workspace, m_window.get());
        m_panel = factory->createPanel(context);
        m_window->setCentralWidget(m_panel);
        m_window->resize(1500, 1000);
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        m_panel->workspaceShown();
    }
    void stop()
    {
        delete m_panel;
        m_actions.reset(); // a child of the window
        m_window.reset();
        m_models.reset();
        m_tasks.reset();
        m_longWork.reset();
        m_runner.reset();
        std::filesystem::remove_all(path(m_home.path().toStdString()) / "run"); // the next test has checkpoints of its own
    }
};

} // namespace hilum::tests
