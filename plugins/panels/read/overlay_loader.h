#pragma once

#include "core/base/progress.h"
#include "core/imaging/volume.h"
#include "core/project/library.h"
#include "widgets/shell/panel.h"
#include "widgets/viewer/overlays.h"

#include <QObject>

#include <functional>
#include <memory>
#include <optional>

namespace hilum::panels {

/// Reads label maps off the GUI thread: rows of the library and files.
class OverlayLoader : public QObject {
    Q_OBJECT
public:
    OverlayLoader(const widgets::Services& services, QObject* parent);
    void loadRow(const project::SeriesRow& row);
    void loadFile(const QString& file);

Q_SIGNALS:
    void loaded(const hilum::imaging::LabelMap& labels, const QString& name);

private:
    void load(const QString& name, std::function<Result<imaging::LabelMap>(const Work&)> read);
    widgets::Services m_services;
    int m_task = 0;
};

/// A label map that may be shown, with what had to be done for it ("resampled", empty when nothing).
struct Placed {
    std::shared_ptr<widgets::LabelOverlay> overlay;
    QString note;
};

/// Decides whether `labels` may lie over `image`: same grid or a part of it at once; another grid in the same space after the
/// person's word (resampled by place, said in the badge); anything else is refused with a sentence.
std::optional<Placed> placeLabels(const imaging::Volume& image, const imaging::LabelMap& labels, const QString& name, QWidget* parent, widgets::Messages& messages);

} // namespace hilum::panels
