#pragma once

#include "core/base/geometry.h"

#include <QDialog>

namespace hilum::panels {

/// "Not the same space": a plain sentence, a small picture of both boxes from the front and from the side, and what can be done.
/// Accepted means Resample: show the labels where their own file says that they are.
class SpaceDialog : public QDialog {
    Q_OBJECT
public:
    SpaceDialog(const Geometry& image, const Geometry& labels, const QString& sentence, const QString& name, QWidget* parent);
};

} // namespace hilum::panels
