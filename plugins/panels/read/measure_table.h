#pragma once

#include "core/view/viewer_state.h"

#include <QWidget>

class QAction;
class QTreeWidget;

namespace hilum::panels {

/// The list of what was measured on the open image: number, kind, value, plane. Choosing a row chooses the measurement in the
/// views and asks to go to its place. Hidden at first, so that a first measurement does not move the picture under the hand.
class MeasureTable : public QWidget {
    Q_OBJECT
public:
    /// \param actions  buttons below the list: delete, export
    MeasureTable(std::shared_ptr<view::ViewerState> state, const QList<QAction*>& actions, QWidget* parent = nullptr);
    void setMeaning(view::LengthMeaning meaning); ///< of the open image's lengths

Q_SIGNALS:
    void placeRequested(const hilum::Vec3& point);

private:
    void fill();
    std::shared_ptr<view::ViewerState> m_state;
    QTreeWidget* m_list;
    view::LengthMeaning m_meaning = view::LengthMeaning::Patient;
    bool m_filling = false;
    view::Subscription m_subscription;
};

} // namespace hilum::panels
