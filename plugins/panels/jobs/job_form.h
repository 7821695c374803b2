#pragma once

#include "core/services/job_runner.h"
#include "core/services/path_kind.h"
#include "plugins/panels/jobs/job_foot.h"
#include "widgets/forms/schema_form.h"
#include "widgets/shell/panel.h"

#include <QTimer>
#include <QWidget>

#include <optional>

class QComboBox;
class QLabel;
class QPushButton;

namespace hilum::jobs {

inline constexpr std::int64_t MeasuredByItselfSide = 512; ///< pixels; of larger ones memory, batch and disk are estimated, as a task that can be cancelled

/// Asks for a pre-training job and starts it: images, method and preset, options, watch case, device. Preparing the images runs
/// first, with progress and cancel. Takes dropped folders and files. Object names: `jobForm`, `jobData`, `jobMethod`, `jobPreset`, `jobWatch`, `jobDevice`, `jobEstimate`, `jobMeasure`, `jobReset`, `jobStart`.
class JobForm : public QWidget {
    Q_OBJECT
public:
    explicit JobForm(const widgets::PanelContext& context, QWidget* parent = nullptr);

    void askMethods(); ///< once; the form is empty until they are there
    /// {"method", "preset", "options", "images": "library", "watch": row id or null}; absent keys leave the form as it is.
    /// "images" is for a form that has none yet: all images of the library that the method learns from.
    void propose(const Json& proposal);
    void setData(std::vector<path> data); ///< folders, files or one prepared cache
    bool busy() const { return m_foot->busy(); }
    bool handsOver() const { return m_foot->handsOver(); } ///< busy, but not with images any more: the job is being started
    bool measuring() const { return !m_measuring.empty(); }
    bool changed() const { return m_form->differs(); } ///< from the preset
    void start();
    void estimate(); ///< measures what is not measured yet
    void reset();    ///< every option as the preset has it
    void setOthersBusy(bool busy); ///< another form prepares images: nothing is measured by itself meanwhile

Q_SIGNALS:
    void started(const QString& id);
    void runDropped(const QString& folder); ///< a run folder holds no images: it is for the list of jobs
    void buttonsChanged();                  ///< what Start, Measure and Back to the preset may do
    void described(const hilum::Json& methods); ///< the worker's answer to askMethods()

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override; ///< folders, files, a table or a prepared cache to learn from; or a run folder

private:
    struct Watch {
        enum Kind { None, First, Current } kind = First;
        std::vector<path> files; ///< of the current image
    };
    /// What a measurement is of.
    struct Configuration {
        std::string method, preset, device;
        Json options;
        std::string key() const;     ///< the same for all that take the same time and memory a step
        std::string needsKey() const; ///< the same for all that need the same memory, disk and time in all
    };
    void build();
    void applyMethods(const Json& described);
    void chooseMethod();
    void choosePreset();
    void chooseData(int index);
    void takeLibrary(const QString& kind); ///< "radiograph", "volume" or "mixed", as a method names its input
    void takeData(int wish, std::vector<path> images, const QString& words = {});
    void showData();
    void applyProposal();
    void prepared(const path& cache, const std::string& watchKey, services::JobRequest request);
    std::optional<Configuration> configuration() const; ///< none while an option is wrong or the methods are not there
    void connectEstimates();
    bool atWork() const; ///< jobs or forms use the computer: what was measured beside them would be wrong
    void makeRoom();     ///< for those: no estimate beside them
    void jobChanged(const std::string& id);
    void cancelNeeds();
    void askNeeds();     ///< `hilum-worker estimate` for the form as it is
    QString needsText(const Configuration& now) const; ///< what is known of them, empty: nothing
    void estimateSoon(); ///< says what is measured; what is not is, by itself, once images are chosen
    void updateButtons();
    void say(const QString& text, const char* role) { m_foot->say(text, role); }
    const Json* method() const;
    const Json* preset() const;

    widgets::PanelContext m_context;
    Json m_methods = Json::array();
    std::optional<Json> m_proposal; // waits for the methods
    bool m_asked = false;
    std::vector<path> m_data;
    QString m_dataWords; // what they are, where they come from the library
    std::optional<services::PathKind> m_dataKind; // of a single path, once another thread has asked the disk
    int m_wishes = 0, m_taken = 0; // for images: what a slow disk or library answers later than a newer wish is dropped
    Json m_measured = Json::object(); // key of a configuration -> answer of the worker's bench
    std::string m_measuring;          // key of the one that is being measured, empty: none
    Json m_needs = Json::object();    // needsKey of a configuration -> answer of the worker's estimate, or {"error": sentence}
    std::string m_needsAsked;         // needsKey of the one that is being estimated, empty: none
    std::string m_needsGivenUp;       // needsKey of the one that the person cancelled, until another is shown
    int m_needsTask = 0, m_needsRun = 0;
    bool m_othersBusy = false, m_jobAtWork = false;
    QTimer m_estimateTimer;
    QComboBox *m_dataCombo, *m_methodCombo, *m_presetCombo, *m_watchCombo, *m_deviceCombo;
    QLabel *m_dataNote, *m_summary, *m_estimate;
    QPushButton *m_measure, *m_reset;
    JobFoot* m_foot;
    widgets::SchemaForm* m_form;
};

} // namespace hilum::jobs
