#pragma once

#include "core/base/geometry.h"

#include <QDialog>

namespace hilum::panels {

/// "Not the same space": a plain sentence, a small picture of both boxes from the front and from the side, and what can be done.
/// Resample shows the labels where their own file says that they are.
class SpaceDialog : public QDialog {
    Q_OBJECT
public:
    enum class Answer { Resample, OpenSeparately, Cancel };
    enum class Overlap { Some, None }; ///< None: there is nothing to resample, and the button is greyed
    SpaceDialog(const Geometry& image, const Geometry& labels, const QString& sentence, const QString& name, Overlap overlap, QWidget* parent);
    Answer answer() const { return m_answer; }

private:
    Answer m_answer = Answer::Cancel;
};

} // namespace hilum::panels
