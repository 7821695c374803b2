#pragma once

#include "core/base/paths.h"

#include <QString>

#include <vector>

class QComboBox;
class QDropEvent;
class QFormLayout;
class QScrollArea;
class QWidget;

/// What the forms for new jobs are made of.
namespace hilum::jobs {

/// A row with a choice whose width does not follow its longest entry.
QComboBox* addChoice(QFormLayout* form, const char* objectName, const QString& label, const QString& tip);
/// The row that says where the worker computes; its data are what `--device` takes.
QComboBox* addDevices(QFormLayout* form, const char* objectName);
QFormLayout* newForm();
QScrollArea* scrolled(QWidget* body);
/// Folders and files of this computer that a drag brings.
std::vector<path> droppedPaths(const QDropEvent* event);

} // namespace hilum::jobs
