#pragma once

#include "core/services/hit_rates.h"

#include <QWidget>

class QComboBox;
class QLabel;

namespace hilum::lab {

/// How often a model found reports among held-out cases, in the pool that is chosen: radiographs, CT, or both.
class HitRateView : public QWidget {
    Q_OBJECT
public:
    explicit HitRateView(QWidget* parent = nullptr);

    /// \param note whose numbers these are, where they are not of the weights that are shown
    void setEvaluation(const Json& evaluation, const QString& note);
    void setReason(const QString& sentence); ///< why there are no numbers
    /// The pool of what is open, until a person chooses one.
    void follow(services::RetrievalPool pool);

private:
    void showPool();

    QComboBox* m_pool;
    QLabel* m_text;
    Json m_evaluation; // null: there is none
    QString m_note;
    bool m_chosen = false; // the pool, by a person
};

} // namespace hilum::lab
