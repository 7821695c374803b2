#pragma once

#include "core/base/paths.h"
#include "core/base/provenance.h"
#include "core/services/model_request.h"
#include "core/services/model_server.h"
#include "core/services/report_gallery.h"
#include "core/services/task_runner.h"
#include "core/view/lab_arrays.h"
#include "core/view/mask_model.h"
#include "core/view/method_answer.h"
#include "core/view/patch_readout.h"

#include <QObject>
#include <QTimer>

#include <functional>
#include <memory>
#include <optional>

namespace hilum::lab {

struct InputPictures;
struct ResultPictures;

/// Where inside and outside come from.
enum class RegionSource { LungContour, Rectangle, MaskFile, Polygon };

/// How an image is disrupted, and where a region comes from.
struct MaskSettings {
    RegionSource source = RegionSource::LungContour;
    double ratioInside = 0.95, ratioOutside = 0.85; ///< of the model, unless a person chose others; `ratioOutside` alone where the method knows no region
    std::uint64_t seed = 0;
    path maskFile;                                  ///< for MaskFile
    std::vector<std::array<double, 2>> polygon;     ///< for Polygon, pixels of the image
    Json options = Json::object();                  ///< other options of the method for this image, by key
    bool operator==(const MaskSettings&) const = default;
};

/// Which attention is shown.
struct AttentionWish {
    std::string kind = "rollout"; ///< rollout | mean | head | gradient | occlusion, which looks at no layer, head or query
    std::int64_t layer = -1, head = 0; ///< layer -1: the last one
    std::optional<std::array<std::int64_t, 2>> query; ///< patch (row, column); nullopt: class token
    bool operator==(const AttentionWish&) const = default;
};

/// What an answer's likenesses are of, column by column: the study's report, candidate reports, sentences.
struct ComparedTexts {
    QString report;                                         ///< of the study; empty: none was compared
    std::shared_ptr<const services::ReportGallery> reports; ///< candidates from files; null: none
    QStringList sentences;
    std::vector<std::int64_t> says; ///< per column, as core/view/report_rank.h reads it
    std::int64_t own = -1;          ///< column of the study's own report: its report, else the candidate that is named as its file; -1: none is known

    std::int64_t firstSentence() const { return static_cast<std::int64_t>(says.size()) - sentences.size(); }
    /// The candidate of a column; null for the study's report and for sentences.
    const services::NamedText* candidate(std::int64_t column) const;
    QString text(std::int64_t column) const;
};

/// What an answer was made of: enough to record it, and to ask for it again. Model, image and settings may be others by the time the answer is there.
struct AnswerOrigin {
    services::ModelChoice choice;
    Json metadata;                        ///< of the weights; null: there is no answer
    Json pipeline;                        ///< that `input` went through
    Json fields;                          ///< as LabSession::requestFields
    services::RequestInput input, other;  ///< `other` is empty where the method had no use for it
    std::shared_ptr<const services::ReportGallery> reports;
    bool painted = false;                 ///< the mask went along; else it was drawn from the seed
};

/// The Lab without its widgets: which weights, which image, what is disturbed or compared, and what the model made of it. Everything that takes
/// time goes through the task runner or the model server; the newest wish wins. GUI thread only.
///
/// lab_session.cpp: model and image; lab_request.cpp: mask, crops and what the worker answers; lab_compared.cpp: texts; lab_attention.cpp; lab_provenance.cpp.
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
    std::string methodTitle() const;
    bool knowsRegion() const;                           ///< the method has ratios inside and outside
    bool hidesShare() const;                            ///< it hides one share of the whole image
    bool shows(std::string_view array) const;           ///< the method can show this array (MethodInfo::shows)
    bool isVolume() const { return m_request.volume != nullptr; } ///< what is shown is a volume
    bool hasMask() const { return !isVolume() && shows("mask"); } ///< a radiograph of which places are hidden: `reconstruction` is there, else `answer`

    /// \param file where it lies, a file or a folder: a table of reports may name it
    void setImage(const imaging::Volume& image, const path& file = {});
    const imaging::Volume& image() const { return m_image; }
    const imaging::Volume& imageBefore() const { return m_before; } ///< the one that was open before it
    /// Another image for the model: a radiograph's pixels may fill hidden groups, a volume is compared with. Empty: none.
    void setOther(const imaging::Volume& other, const QString& name);
    const QString& otherName() const { return m_otherName; }
    const services::RequestInput& otherInput() const { return m_other; }
    const imaging::ModelInput* input() const { return m_request.plane.get(); }
    const imaging::VolumeInput* volumeInput() const { return m_request.volume.get(); }
    const InputPictures* inputPictures() const { return m_inputPictures.get(); } ///< of `input`; null: none
    view::TokenGrid grid() const; ///< of a radiograph

    /// Draws a new mask; painting is forgotten.
    void setMaskSettings(const MaskSettings& settings);
    const MaskSettings& maskSettings() const { return m_settings; }
    /// A mask file or polygon that was given for the image before, and went with it, as a sentence; empty when there was none, or another region is chosen since.
    const QString& regionLetGo() const { return m_regionLetGo; }
    const view::MaskModel& mask() const { return m_mask; }
    void beginStroke(view::MaskModel::Stroke stroke, double radius);
    void strokeTo(double x, double y); ///< pixels of the model's grid
    void endStroke();
    bool cancelStroke(); ///< the mask as before the stroke; false when none is under way
    void undo();
    void redo();
    void redraw(); ///< the mask of the settings again, painting forgotten; crops that were placed are drawn again

    /// Where the crop of a volume lies, voxels of the model's grid; nullopt: where the method takes it.
    void setCropCentre(std::optional<std::array<std::int64_t, 3>> ijk);
    /// Places random crop `crop` of VoCo: its middle on the i-j plane, voxels. The others stay.
    void placeCrop(std::size_t crop, double i, double j);
    bool placingCrop() const { return !m_cropCentres.empty() && waiting(); } ///< a crop was placed and the answer is not there yet
    /// The report of the study, and texts to compare an image with. Empty: none.
    void setTexts(const QString& report, const QStringList& texts);
    const QStringList& texts() const { return m_texts; }
    const QString& report() const { return m_report; }
    /// Candidate reports to compare an image with; null: none. They travel in the request's file.
    void setReports(std::shared_ptr<const services::ReportGallery> reports);
    ComparedTexts compared() const; ///< of the answer on screen

    const view::Reconstruction& reconstruction() const { return m_reconstruction; } ///< of a radiograph with a mask
    const std::shared_ptr<const ResultPictures>& resultPictures() const { return m_resultPictures; } ///< of `reconstruction`; null: none
    const view::VolumeAnswer& answer() const { return m_answer; }                  ///< of everything else
    bool hasResult() const { return m_metadata.is_object() && (!m_reconstruction.isEmpty() || !m_answer.isEmpty()); } ///< none while a model is loaded
    const AnswerOrigin& origin() const { return m_origin; } ///< of the result on screen; model and settings may be ahead of it
    std::string resultDigest() const { return m_reconstruction.isEmpty() ? m_answer.digest : m_reconstruction.digest; }
    const Json& numbers() const { return m_numbers; }
    view::MaskNumbers maskNumbers() const;
    view::PatchReadout readout(std::int64_t row, std::int64_t column) const;

    void setAttentionWanted(bool wanted);
    void setAttentionWish(const AttentionWish& wish);
    void askAttentionOf(std::array<std::int64_t, 2> patch); ///< the wish with another patch
    const AttentionWish& attentionWish() const { return m_attentionWish; }
    std::vector<std::string> maps() const; ///< kinds of maps that the loaded model has
    bool offers(std::string_view kind) const;
    const view::AttentionMap& attention() const { return m_attention; } ///< of a radiograph, or by occlusion; UniMedI's of a volume comes with its `answer`
    view::Block volumeMap() const; ///< what lies over `answer().input`: with the answer, or by occlusion of that very part; empty: none
    const AttentionWish& attentionShown() const { return m_attentionShown; } ///< what `attention` is of; the wish may be ahead of it
    const Json& attentionNumbers() const { return m_attentionNumbers; }
    const Json& attentionFields() const { return m_attentionFields; } ///< what was asked for a map by occlusion
    bool attentionFitsResult() const; ///< `attention` and the result on screen are of the same weights
    /// Width and height of the part in the middle of a radiograph's grid that the encoder gets; {0, 0}: all of it.
    std::array<std::int64_t, 2> seen() const;
    std::string attentionName() const; ///< "rollout over 12 layers from patch r12 c7"
    std::int64_t layers() const { return m_metadata.is_object() ? m_metadata.value("layers", std::int64_t{0}) : 0; }
    std::int64_t heads() const { return m_metadata.is_object() ? m_metadata.value("heads", std::int64_t{0}) : 0; }
    /// Why there is no attention for what is open; empty when there is.
    QString noAttention() const;

    /// Gives up what the worker is at. A load: there is no model then, until redraw() loads it after all; attention: it is wanted no more.
    void stopWork();

    bool waiting() const { return m_loading || m_pending > 0 || m_reading > 0 || m_writing || m_throttle.isActive() || m_preparing; }
    /// The request as it goes to the worker: seed, overrides of method options, crops, texts.
    Json requestFields() const;
    /// Makes the record of the result on screen, which must be there (hasResult). Texts are there by digest: they may name people. It digests the model's input, which may take long
    /// for a volume: to be called off the GUI thread.
    std::function<Provenance()> provenanceMaker() const;
    /// Writes what was asked: image, region, and the mask when it was painted. May take long for a volume: not on the GUI thread.
    Result<std::function<Status(const path&)>> requestWriter() const;

Q_SIGNALS:
    void modelChanged();
    void inputChanged();
    void maskChanged();
    void reconstructionChanged(); ///< of a radiograph or a volume
    void attentionChanged();
    void attentionStopped(); ///< it is not wanted any more, though nobody said so here: nobody should show it
    void statusChanged(const QString& text);
    void deviceKnown(const QString& name); ///< where the model runs, with each answer
    void refused(const QString& sentence); ///< why nothing is shown; empty: nothing stands in the way
    void failed(const hilum::Error& error, const QString& doing);

private:
    struct Shown { // an answer that was read
        view::Reconstruction plane;
        view::VolumeAnswer whole;
        std::shared_ptr<const ResultPictures> pictures; // of `plane`
    };
    struct OcclusionOf { // what a map by occlusion is of
        std::uint64_t image = 0;
        std::optional<std::array<std::int64_t, 3>> centre;
        bool operator==(const OcclusionOf&) const = default;
    };
    struct Asked { // what a request was made of
        std::uint64_t image = 0, number = 0;
        AnswerOrigin origin;
    };
    void loaded(const Json& metadata);
    void makeInput();
    Result<Json> pipeline() const; ///< of the present model for the present image; the error says why there is none
    void askSoon();
    void ask();
    void send(const path& request, bool painted);
    void answered(const Asked& asked, Result<Json> answer);
    Status fitsTexts(const Shown& arrays, const Asked& asked) const;
    void show(Shown arrays, const AnswerOrigin& origin, Json numbers);
    bool sendsOther() const { return !m_other.isEmpty() && (shows("donor") || isVolume()); }
    std::shared_ptr<const services::ReportGallery> reportsToSend() const; ///< null where the model compares with no texts
    void askAttention();
    void sendAttention();
    /// Writes what a map is asked with, the input alone, off the GUI thread.
    void writeInput(const path& request, std::function<void(Result<bool>)> written);
    void askOcclusion();
    void sendOcclusion(const path& request, std::uint64_t number);
    void showOcclusion(Result<view::AttentionMap> map, const Json& answer);
    void giveUpOcclusion(); ///< what is under way: another question comes first, or nobody wants it
    void letOcclusionGo();  ///< a reconstruction that it made way for did not come
    void setStatus(const Json& answer);
    bool hasOption(const std::string& key) const;
    double ownNumber(const std::string& key, double otherwise) const;
    void takeOwnRatios();
    void forgetAnswers(); ///< what the model made; what was painted or placed stays
    void forgetResults(); ///< and what was painted or placed
    void letRegionGo();

    services::TaskRunner* m_runner;
    services::ModelServer* m_server;
    Json m_methods = Json::array();
    services::ModelChoice m_choice;
    Json m_metadata;
    imaging::Volume m_image, m_before, m_otherImage;
    path m_imageFile;
    QString m_otherName;
    services::RequestInput m_request, m_other;
    std::shared_ptr<const InputPictures> m_inputPictures; // of m_request
    Json m_pipeline;                // that m_request went through
    std::uint64_t m_imageNumber = 0; // counts inputs and models: answers to older ones are dropped
    bool m_preparing = false;
    MaskSettings m_settings;
    view::MaskModel m_mask;
    bool m_painted = false; // the mask is sent with the request instead of being drawn by the worker
    bool m_paintedBefore = false; // ... before the stroke under way
    std::string m_paintedOn; // method and pipeline of the loaded model
    std::string m_optionsOf; // method and options of the loaded model: m_settings.options differ from these
    std::string m_regionOf;  // region_source of the model loaded last: other settings follow a change of it alone
    bool m_regionChosen = false; // by the person before the first model was there or while one was loading: that goes before the model's own
    bool m_ratiosChosen = false; // likewise
    QString m_regionLetGo;
    std::optional<std::array<std::int64_t, 3>> m_cropCentre;
    std::vector<std::vector<std::int64_t>> m_cropCentres; // placed by hand, [i, j] or [i, j, k] where crops lie at several depths; empty: drawn from the seed
    QString m_report;
    QStringList m_texts;
    std::shared_ptr<const services::ReportGallery> m_reports; // to compare with
    view::Reconstruction m_reconstruction;
    std::shared_ptr<const ResultPictures> m_resultPictures; // of m_reconstruction
    view::VolumeAnswer m_answer;
    AnswerOrigin m_origin; // of m_reconstruction or m_answer
    Json m_numbers, m_device;
    QTimer m_throttle;
    bool m_writing = false, m_again = false;
    int m_pending = 0; ///< requests at the worker
    int m_reading = 0; ///< answers that are being read
    std::uint64_t m_asked = 0, m_shown = 0, m_drawn = 0; // requests in order: an older answer never replaces a newer one, in whatever order they are read
    std::shared_ptr<const TemporaryFolder> m_folder; // holds the request of a volume, which is written once
    path m_volumeRequest;

    bool m_loading = false, m_attentionWanted = false, m_attentionReady = false, m_attentionAsking = false, m_attentionAgain = false, m_attentionRetried = false;
    AttentionWish m_attentionWish, m_attentionShown;
    std::uint64_t m_attentionAsked = 0, m_attentionDrawn = 0; // requests in order, as m_asked and m_drawn
    view::AttentionMap m_attention;
    Json m_attentionNumbers, m_attentionFields;
    std::optional<OcclusionOf> m_occlusionOf; // of the map that is there or on its way
    bool m_occlusionAsking = false;
    std::int64_t m_occlusionRequest = 0; // its number at the server; 0: it is not there yet
};

/// The entry of an option in a method's schema; null when it has none.
const Json* optionField(const Json* entry, const std::string& key);
/// The source that a model's option region_source names; nullopt where it names none.
std::optional<RegionSource> regionNamed(const std::string& option);
/// What the pipeline of an image must compute for a source; the rest is handed in.
std::string pipelineRegion(RegionSource source);
/// Of temporary folders: a failure does not matter, the folder goes at the end anyway.
void removeFile(const path& file);

} // namespace hilum::lab
