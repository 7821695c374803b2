#pragma once

#include "core/base/paths.h"
#include "core/imaging/volume.h"

#include <QDialog>

#include <optional>

class QMimeData;

namespace hilum::panels {

/// The one path of a drop that may be a file of labels by its name (NIfTI, NRRD, MetaImage, DICOM, or none of an ending); nothing for several. The disk is not asked: it may be a folder.
std::optional<path> labelCandidate(const QMimeData* data);

/// Whether the values may be labels: whole numbers from 0 on, at most 255 different ones besides background, as in any label map and
/// in hardly any image. Files that say so themselves (SEG, seg.nrrd) need not be asked.
bool mayBeLabels(const imaging::LabelMap& labels);

/// What to do with a dropped label map that lies on the open image's grid.
class LabelDropDialog : public QDialog {
    Q_OBJECT
public:
    enum class Answer { Overlay, OpenSeparately, Cancel };
    LabelDropDialog(const QString& name, const QString& what, QWidget* parent);
    Answer answer() const { return m_answer; }

private:
    Answer m_answer = Answer::Cancel;
};

} // namespace hilum::panels
