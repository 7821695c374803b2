#pragma once

#include "plugins/panels/lab/lab_session.h"

#include <QWidget>

class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QLayout;
class QLineEdit;
class QListWidget;
class QPushButton;
class QSpinBox;
class QVBoxLayout;

namespace hilum::widgets {
class OptionField;
}

namespace hilum::lab {

/// How the image is disturbed or what it is compared with: region and ratios, seed, brush, the method's own options for one image, another image, texts.
/// What the present method has no use for is hidden.
class MaskControls : public QWidget {
    Q_OBJECT
public:
    explicit MaskControls(QWidget* parent = nullptr);

    void showModel(const LabSession& session);
    void showRegion(const LabSession& session);
    void showOther(const LabSession& session);
    void showReports(const QString& said); ///< what the image is compared with; empty: no candidates

    MaskSettings settings() const;
    void setPolygon(std::vector<std::array<double, 2>> polygon); ///< in pixels of the image; chosen as region
    void keepRegion(); ///< the combo shows the region in use again
    int brushRadius() const;
    void setBrushRadius(int radius);
    void stepSeed(int by);

Q_SIGNALS:
    void settingsChanged();
    void polygonAsked();
    void redrawAsked();
    void brushRadiusChanged(int radius);
    void cropAsked();                 ///< the crop of a volume around the crosshair
    void otherAsked(int which, const QString& file); ///< 0: none, 1: the image opened before, 2: this file
    void textsChanged(const QStringList& texts);
    void reportsAsked(const QStringList& files); ///< candidates from these; none: they are let go

private:
    void chooseRegion(int index);
    void chooseOther(int index);
    void showOptions(const LabSession& session);
    void showRatios(const LabSession& session);
    void addText();
    QLayout* reportRow();

    RegionSource m_region = RegionSource::LungContour;
    bool m_maskAsked = false; // for a mask file, by the change of the combo that is under way
    path m_maskFile;
    std::vector<std::array<double, 2>> m_polygon;
    QFormLayout* m_form;
    QComboBox *m_regionCombo, *m_otherCombo;
    QLabel *m_regionNote, *m_otherNote, *m_reportsNote;
    QDoubleSpinBox *m_inside, *m_outside;
    double m_givenInside = 0, m_givenOutside = 0; // what these show, unrounded, until a person changes it
    QSpinBox *m_seed, *m_radius;
    QPushButton *m_redraw, *m_crop, *m_forgetReports;
    QWidget *m_options, *m_texts;
    QVBoxLayout* m_optionColumn;
    QLineEdit* m_text;
    QListWidget* m_textList;
    std::vector<widgets::OptionField*> m_fields;
    std::string m_fieldsOf; // method and preset whose options are shown
};

} // namespace hilum::lab
