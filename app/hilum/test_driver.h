#pragma once

#include "app/hilum/test_pauses.h"
#include "app/hilum/test_script.h"

#include <QElapsedTimer>
#include <QObject>
#include <QPointer>

#include <functional>
#include <memory>

class QProcess;
class QWidget;

namespace hilum::app {

/// Plays a script against the window with mouse, key, wheel and drop events, as a person would, and checks what is shown. Prints one line
/// a step; ends at the first that fails, with a picture of the window. The words are in resources/docs/dev/gui_scripts.md.
///
/// Each step is its own turn of the event loop, queued before the one before it acts: a dialog that runs its own loop inside a
/// click does not stop the script.
class TestDriver : public QObject {
public:
    /// \param window  the main window; targets are looked for in all windows of the program
    TestDriver(Script script, QWidget* window, QObject* parent = nullptr);
    ~TestDriver() override;

    /// `finished` is called once, with 0 or the number of CheckFailed.
    void start(std::function<void(int)> finished);
    bool complete() const { return m_next >= m_script.steps.size(); } ///< every step was done

private:
    enum class Turn { Done, Again };
    void schedule(int milliseconds);
    void turn();
    Result<Turn> act(const Json& step);
    Result<Turn> expect(const Json& step);
    Result<Turn> runProgram(const Json& step);
    Status screenshot(const Json& step);
    void pass(const std::string& note);
    void failStep(const Error& error);
    void end(int code);

    Script m_script;
    QPointer<QWidget> m_window;
    PauseWatch m_pauses;
    std::function<void(int)> m_finished;
    std::size_t m_next = 0;
    bool m_waiting = false;      // the current step is asked again until it holds or its time is over
    bool m_ended = false;
    Json m_step;                 // the current one, variables filled in
    QElapsedTimer m_since;
    std::unique_ptr<QProcess> m_process;
};

} // namespace hilum::app
