#pragma once
// No fault.
#include "core/imaging/volume.h"
#include "importer.h"
#include <QLocalSocket>
#include <QString>
#include <QtCore/QProcess>
#include <string>
