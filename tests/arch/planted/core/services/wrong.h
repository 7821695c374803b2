#pragma once
// Planted faults: services know Qt Core and Qt Network.
#include "core/learning/device.h"
#include <QApplication>
#include <QImage>
#include <QLabel>
#include <QWidget>
#include <QtCore/../QtWidgets/QLabel>
#include <QtGui/QImage>
#include <QtWidgets>
#include <QtWidgets/QLabel>
#include <qlabel.h>
inline const auto wrong = std::format("{}", 1); // compiled again in each file
