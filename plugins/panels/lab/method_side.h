#pragma once

#include "plugins/panels/lab/hit_rate_view.h"
#include "plugins/panels/lab/lab_session.h"
#include "plugins/panels/lab/method_widgets.h"
#include "plugins/panels/lab/text_side.h"

#include <QWidget>

class QLabel;
class QVBoxLayout;

namespace hilum::lab {

/// What a method shows beside its pictures: overlaps of crops (VoCo), masked channels and modalities (DAE), similarities with texts and hit rates (UniMedI); and a
/// sentence for what it does not show. Hidden where there is nothing of the kind.
class MethodSide : public QWidget {
    Q_OBJECT
public:
    explicit MethodSide(QWidget* parent = nullptr);

    void showSession(const LabSession& session, std::size_t crop);
    /// True shares of a crop while it is dragged, before the model has answered. Closed form (view::baseOverlap).
    void showTruth(std::vector<double> truth);
    QSize contentSize() const; ///< of all parts, also of those that are scrolled out of sight
    void renderContent(QPainter& painter, const QPoint& at) const;
    /// Sentences about views that are not there.
    void setReason(const QString& sentence);
    HitRateView* hitRates() const { return m_hitRates; }

private:
    struct Part {
        QWidget* box = nullptr;
        QLabel* heading = nullptr;
    };
    Part addPart(const QString& title, QWidget* content, const QString& explanation);

    QWidget* m_body;
    QVBoxLayout* m_column;
    QLabel *m_reason, *m_channelText;
    OverlapBars* m_bars;
    MatrixView *m_bases, *m_modalities;
    ChannelBar* m_channels;
    TextSide* m_texts;
    HitRateView* m_hitRates;
    Part m_barsPart, m_basesPart, m_channelsPart, m_modalitiesPart, m_textsPart, m_hitRatesPart;
};

} // namespace hilum::lab
