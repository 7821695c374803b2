#pragma once

#include <QString>

class QComboBox;
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

} // namespace hilum::jobs
