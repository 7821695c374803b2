#pragma once

#include "core/services/prior_study.h"
#include "core/view/compare_link.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"
#include "widgets/tasks/series_loader.h"
#include "widgets/viewer/viewport_grid.h"

#include <memory>
#include <optional>
#include <vector>

class QLabel;

namespace hilum::panels {

/// The prior beside the open image: in the plane of its active view, labelled on the picture.
///
/// State, selection and loader are its own, so that nothing which is done here is taken for the open image's. With the open image it moves as far as
/// view::compareLink allows, while the open image's views are linked; windows go together where both are in Hounsfield units.
class PriorView : public widgets::SliceView {
    Q_OBJECT
public:
    PriorView(const widgets::Services& services, widgets::ViewportGrid* beside, QWidget* parent);
    ~PriorView() override;

    /// Shows itself and reads the prior in the background. Library, runner and tasks must be there.
    void open(const services::Prior& prior);
    void putAway(); ///< hides itself and forgets the prior
    bool isOpen() const { return m_prior.has_value(); }
    view::CompareLink link() const { return m_link; }

Q_SIGNALS:
    void notRead(); ///< it could not be read, which the loader has said, or was stopped

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void arrived();
    void resetWindow();
    void showPlaneOf(const widgets::SliceView& leader);
    void follow();
    void lead();
    void moveAlong(const widgets::SliceView& leader, const widgets::SliceView& led);
    void shareWindow(const view::ViewerState& from, view::ViewerState& to);
    void updateLabel();

    widgets::Services m_services;
    widgets::ViewportGrid* m_beside;
    QLabel* m_label;
    widgets::Selection m_selection;
    std::unique_ptr<widgets::SeriesLoader> m_loader; ///< made when first needed
    std::optional<services::Prior> m_prior;
    std::optional<view::Plane> m_plane; ///< that it was asked to show
    view::CompareLink m_link = view::CompareLink::None;
    bool m_sameUnit = false; ///< both in HU
    bool m_moving = false;   ///< the one moves the other
    std::vector<view::Subscription> m_subscriptions;
};

} // namespace hilum::panels
