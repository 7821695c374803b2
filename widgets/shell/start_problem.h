#pragma once

#include "core/base/error.h"

#include <QDialog>

#include <vector>

class QHBoxLayout;

namespace hilum::widgets {

/// What keeps the program from starting, before there is a window for its banner: what, why, what to do, Copy details, and the ways on.
class StartProblem : public QDialog {
    Q_OBJECT
public:
    enum class Way {
        Quit,  ///< always offered; what closing the dialog means
        Again, ///< always offered
        Make,  ///< a new library where one was expected
        Other, ///< another folder
        Usual, ///< the library in the person's data folder, this time
    };

    /// \param doing  what failed, as a phrase: "Opening the library"
    /// \param ways   besides Quit and Again
    StartProblem(const Error& error, const QString& doing, const std::vector<Way>& ways, QWidget* parent = nullptr);

    /// Shows it and waits for the person.
    Way ask();

private:
    void add(Way way, QHBoxLayout* row);
    Way m_way = Way::Quit;
};

} // namespace hilum::widgets
