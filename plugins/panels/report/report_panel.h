#pragma once

#include "core/base/jsonl.h"
#include "core/project/library.h"
#include "widgets/shell/panel.h"

#include <string>

class QLabel;
class QTextBrowser;

namespace hilum::panels {

/// The report that came with the study, beside its images: DICOM SR or plain text, read only. Follows the open series; a report
/// that is opened itself is shown too.
class ReportPanel : public widgets::Panel {
    Q_OBJECT
public:
    explicit ReportPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    ~ReportPanel() override;

    /// Shows {"title", "sections": [{"title", "text"}]}; text is shown as it is, never as markup.
    void showReport(const Json& report, const QString& source);
    void showNone(const QString& sentence);

private:
    void follow();
    void read(const project::SeriesRow& row);
    widgets::PanelContext m_context;
    QLabel* m_heading;
    QTextBrowser* m_text;
    std::string m_of; ///< whose report is shown or looked for, as services::reportKey
    quint64 m_request = 0; ///< the newest wins
};

} // namespace hilum::panels
