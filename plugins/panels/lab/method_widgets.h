#pragma once

#include "core/view/method_answer.h"

#include <QWidget>

namespace hilum::lab {

// Small pictures of numbers beside the Lab's views. What they show is also text: properties for GUI tests, accessible descriptions for readers.

/// VoCo: a pair of bars for each base crop, the true share of the random crop that lies in it and the predicted one.
class OverlapBars : public QWidget {
    Q_OBJECT
    Q_PROPERTY(QString trueBars READ trueBars)           ///< "0.000 0.250 ...", by base
    Q_PROPERTY(QString predictedBars READ predictedBars) ///< the same
public:
    explicit OverlapBars(QWidget* parent = nullptr);
    void setValues(std::vector<double> truth, std::vector<double> predicted); ///< equal lengths, or no prediction yet
    void setTruth(std::vector<double> truth); ///< the prediction is out of date: drawn faint
    QString trueBars() const;
    QString predictedBars() const;
    QSize sizeHint() const override { return {300, 150}; }
    QSize minimumSizeHint() const override { return {200, 130}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override; // tool tip of a bar

private:
    std::vector<double> m_true, m_predicted;
    bool m_stale = false;
};

/// DAE: one cell per channel of the embedding, dark where it is zeroed.
class ChannelBar : public QWidget {
    Q_OBJECT
    Q_PROPERTY(QString channels READ channels) ///< "0010...", 1 = zeroed
    Q_PROPERTY(int zeroed READ zeroed)
public:
    explicit ChannelBar(QWidget* parent = nullptr);
    void setMask(std::vector<std::uint8_t> mask);
    QString channels() const;
    int zeroed() const;
    QSize sizeHint() const override { return {300, 34}; }
    QSize minimumSizeHint() const override { return {160, 34}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::vector<std::uint8_t> m_mask;
};

/// A table of numbers as coloured cells; names stand at rows and columns.
class MatrixView : public QWidget {
    Q_OBJECT
    Q_PROPERTY(QString values READ values) ///< rows by ";", two decimals
public:
    explicit MatrixView(QWidget* parent = nullptr);
    void setMatrix(view::Matrix matrix, double low, double high, QStringList rows, QStringList columns);
    QString values() const;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    double cellSize(int width) const;
    view::Matrix m_matrix;
    double m_low = 0, m_high = 1;
    QStringList m_rows, m_columns;
};

/// UniMedI: the weight of each slice as a bar, the head on top; chosen slices are marked and the shown one is framed. A click shows a slice.
class SliceWeights : public QWidget {
    Q_OBJECT
    Q_PROPERTY(QString chosen READ chosen) ///< numbers from 1 of the chosen slices
public:
    explicit SliceWeights(QWidget* parent = nullptr);
    void setScores(std::vector<double> scores, std::vector<std::int64_t> chosen);
    void setSlice(std::int64_t slice);
    QString chosen() const;
    QSize sizeHint() const override { return {56, 200}; }
    QSize minimumSizeHint() const override { return {56, 100}; }

Q_SIGNALS:
    void sliceAsked(qint64 slice);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;

private:
    std::int64_t sliceAt(double y) const;
    std::vector<double> m_scores;
    std::vector<std::int64_t> m_chosen;
    std::int64_t m_slice = -1;
};

} // namespace hilum::lab
