#pragma once

#include "core/base/provenance.h"
#include "core/imaging/model_input.h"
#include "core/services/model_server.h"
#include "core/services/task_runner.h"
#include "core/view/lab_arrays.h"
#include "core/view/mask_model.h"
#include "core/view/patch_readout.h"

#include <QObject>
#include <QTimer>

#include <memory>
#include <optional>

namespace hilum::lab {

/// Where inside and outside come from.
enum class RegionSource { LungContour, Rectangle, MaskFile, Polygon };

/// How a mask is drawn and where its region comes from.
struct MaskSettings {
    RegionSource source = RegionSource::LungContour;
    double ratioInside = 0.95, ratioOutside = 0.85; ///< `ratioOutside` alone where the method knows no region
    std::uint64_t seed = 0;
    path maskFile;                                  ///< for MaskFile
    std::vector<std::array<double, 2>> polygon;     ///< for Polygon, pixels of the image
    bool operator==(const MaskSettings&) const = default;
};

/// Which attention is shown.
struct AttentionWish {
    std::string kind = "rollout"; ///< rollout | mean | head | gradient
    std::int64_t layer = -1, head = 0; ///< layer -1: the last one
    std::optional<std::array<std::int64_t, 2>> query; ///< patch (row, column); nullopt: class token
    bool operator==(const AttentionWish&) const = default;
};

/// The Lab without its widgets: which weights, which image, which mask, and what the model made of them. Everything that takes
/// time goes through the task runner or the model server; the newest wish wins. GUI thread only.
class LabSession : public QObject {
    Q_OBJECT
public:
    LabSession(services::TaskRunner* runner, services::ModelServer* server, QObject* parent = nullptr);

    void setMethods(Json methods); ///< the entries of `describe`: schemas say which settings a method has
    /// Other weights for the same image; a painted mask is kept where the token grid is the same.
    void setModel(const services::ModelChoice& choice);
    const services::ModelChoice& choice() const { return m_choice; }
    const Json& metadata() const { return m_metadata; } ///< null until loaded
    const Json* methodEntry() const;                    ///< of the loaded model; null when unknown
    bool knowsRegion() const;                           ///< the method has ratios inside and outside

    void setImage(const imaging::Volume& image);
    const imaging::Volume& image() const { return m_image; }
    const imaging::ModelInput* input() const { return m_input.get(); }
    view::TokenGrid grid() const;

    /// Draws a new mask; painting is forgotten.
    void setMaskSettings(const MaskSettings& settings);
    const MaskSettings& maskSettings() const { return m_settings; }
    const view::MaskModel& mask() const { return m_mask; }
    void beginStroke(view::MaskModel::Stroke stroke, double radius);
    void strokeTo(double x, double y); ///< pixels of the model's grid
    void endStroke();
    void undo();
    void redo();
    void redraw(); ///< the mask of the settings again, painting forgotten

    const view::Reconstruction& reconstruction() const { return m_reconstruction; }
    const Json& numbers() const { return m_numbers; }
    view::MaskNumbers maskNumbers() const;
    view::PatchReadout readout(std::int64_t row, std::int64_t column) const;

    void setAttentionWanted(bool wanted);
    void setAttentionWish(const AttentionWish& wish);
    const AttentionWish& attentionWish() const { return m_attentionWish; }
    const view::AttentionMap& attention() const { return m_attention; }
    const Json& attentionNumbers() const { return m_attentionNumbers; }
    std::string attentionName() const; ///< "rollout over 12 layers from patch r12 c7"
    std::int64_t layers() const { return m_metadata.is_object() ? m_metadata.value("layers", std::int64_t{0}) : 0; }
    std::int64_t heads() const { return m_metadata.is_object() ? m_metadata.value("heads", std::int64_t{0}) : 0; }

    bool waiting() const { return m_pending > 0 || m_writing || m_throttle.isActive(); }
    /// The request as it goes to the worker: seed and overrides of method options.
    Json requestFields() const;
    /// Record of the last reconstruction. `sourceDigest` is the image file's, when known.
    Provenance provenance(const std::string& sourceDigest) const;
    Status writeRequestFile(const path& file) const; ///< image, region, and the mask when it was painted

Q_SIGNALS:
    void modelChanged();
    void inputChanged();
    void maskChanged();
    void reconstructionChanged();
    void attentionChanged();
    void statusChanged(const QString& text);
    void deviceKnown(const QString& name); ///< where the model runs, with each answer
    void refused(const QString& sentence); ///< why nothing is shown; empty: nothing stands in the way
    void failed(const hilum::Error& error, const QString& doing);

private:
    void loaded(const Json& metadata);
    void makeInput();
    std::string refusal() const; ///< why the present image cannot go into the present model; empty when it can
    void askSoon();
    void ask();
    void answered(std::uint64_t image, Result<Json> answer, bool painted);
    void show(view::Reconstruction arrays, bool painted);
    void askAttention();
    void sendAttention();
    void setStatus(const Json& answer);
    bool hasOption(const std::string& key) const;

    services::TaskRunner* m_runner;
    services::ModelServer* m_server;
    Json m_methods = Json::array();
    services::ModelChoice m_choice;
    Json m_metadata;
    imaging::Volume m_image;
    std::shared_ptr<const imaging::ModelInput> m_input;
    std::uint64_t m_imageNumber = 0; // counts inputs: answers to older ones are dropped
    MaskSettings m_settings;
    view::MaskModel m_mask;
    bool m_painted = false; // the mask is sent with the request instead of being drawn by the worker
    std::string m_paintedOn; // method and pipeline of the loaded model
    view::Reconstruction m_reconstruction;
    bool m_shownPainted = false; // the mask of m_reconstruction was painted, not drawn from the seed
    Json m_numbers, m_device;
    QTimer m_throttle;
    bool m_writing = false, m_again = false;
    int m_pending = 0;
    std::uint64_t m_asked = 0, m_shown = 0; // requests in order: an older answer never replaces a newer one

    bool m_attentionWanted = false, m_attentionReady = false, m_attentionAsking = false, m_attentionAgain = false, m_attentionRetried = false;
    AttentionWish m_attentionWish;
    view::AttentionMap m_attention;
    Json m_attentionNumbers;
};

} // namespace hilum::lab
