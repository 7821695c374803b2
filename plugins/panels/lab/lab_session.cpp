#include "plugins/panels/lab/lab_session.h"

#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "plugins/panels/lab/drawn_pictures.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace hilum::lab {

std::string pipelineRegion(RegionSource source)
{
    switch (source) {
    case RegionSource::LungContour: return "lung-contour";
    case RegionSource::Rectangle: return "rectangle";
    case RegionSource::MaskFile: return "mask-file";
    case RegionSource::Polygon: return "polygon";
    }
    return "none";
}

std::optional<RegionSource> regionNamed(const std::string& option)
{
    if (option == "mask-file")
        return RegionSource::MaskFile;
    if (option == "as-released" || option == "rectangle")
        return RegionSource::Rectangle;
    return option.empty() ? std::nullopt : std::optional(RegionSource::LungContour);
}

const Json* optionField(const Json* entry, const std::string& key)
{
    if (!entry || !entry->contains("schema"))
        return nullptr;
    for (const Json& field : (*entry)["schema"])
        if (field.value("key", "") == key)
            return &field;
    return nullptr;
}

void removeFile(const path& file)
{
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
}

LabSession::LabSession(services::TaskRunner* runner, services::ModelServer* server, QObject* parent) : QObject(parent), m_runner(runner), m_server(server)
{
    m_throttle.setSingleShot(true);
    connect(&m_throttle, &QTimer::timeout, this, &LabSession::ask);
    connect(server, &services::ModelServer::modelReady, this, &LabSession::loaded);
    connect(server, &services::ModelServer::failed, this, [this](const QString& sentence) {
        m_pending = 0;
        m_attentionAsking = m_attentionReady = m_occlusionAsking = false;
        if (std::exchange(m_loading, false)) { // what is on screen is of weights that are chosen no more
            forgetAnswers();
            Q_EMIT reconstructionChanged();
        }
        Q_EMIT failed(Error{.code = ErrorCode::WorkerLost, .message = sentence.toStdString()}, {});
    });
}

void LabSession::setMethods(Json methods)
{
    m_methods = std::move(methods);
}

const Json* LabSession::methodEntry() const
{
    if (!m_metadata.is_object())
        return nullptr;
    for (const Json& entry : m_methods)
        if (entry.value("id", "") == m_metadata.value("method", m_choice.method))
            return &entry;
    return nullptr;
}

std::string LabSession::methodTitle() const
{
    const Json* entry = methodEntry();
    return entry ? entry->value("title", "") : m_metadata.is_object() ? m_metadata.value("method", "This model") : "This model";
}

bool LabSession::hasOption(const std::string& key) const
{
    return optionField(methodEntry(), key) != nullptr;
}

bool LabSession::knowsRegion() const
{
    return hasOption("mask_ratio_inside");
}

bool LabSession::hidesShare() const
{
    return !knowsRegion() && shows("mask") && hasOption("mask_ratio"); // UniMedI has this option too, for its training alone
}

/// The loaded model's own value, else the default of its method.
double LabSession::ownNumber(const std::string& key, double otherwise) const
{
    const Json options = m_metadata.is_object() ? m_metadata.value("options", Json::object()) : Json::object();
    if (options.contains(key) && options[key].is_number())
        return options[key].get<double>();
    const Json* field = optionField(methodEntry(), key);
    return field && field->contains("default") && (*field)["default"].is_number() ? (*field)["default"].get<double>() : otherwise;
}

void LabSession::takeOwnRatios()
{
    if (knowsRegion()) {
        m_settings.ratioInside = ownNumber("mask_ratio_inside", m_settings.ratioInside);
        m_settings.ratioOutside = ownNumber("mask_ratio_outside", m_settings.ratioOutside);
    } else if (hidesShare()) {
        m_settings.ratioOutside = ownNumber("mask_ratio", m_settings.ratioOutside);
    }
}

bool LabSession::shows(std::string_view array) const
{
    const Json* entry = methodEntry();
    if (!entry)
        return false;
    const Json list = entry->value("shows", Json::array());
    return std::ranges::any_of(list, [&](const Json& one) { return one.is_string() && one.get_ref<const std::string&>() == array; });
}

void LabSession::forgetAnswers()
{
    m_reconstruction = {};
    m_resultPictures.reset();
    m_answer = {};
    m_origin = {};
    m_numbers = {};
    m_attention = {};
    m_attentionShown = {};
    m_attentionReady = false;
    giveUpOcclusion();
}

void LabSession::forgetResults()
{
    forgetAnswers();
    m_mask = {};
    m_painted = false;
    m_cropCentre.reset();
    m_cropCentres.clear();
}

void LabSession::setModel(const services::ModelChoice& choice)
{
    m_choice = choice;
    m_metadata = {};
    ++m_imageNumber; // answers of the former weights that are still being read are nothing for the next ones
    m_preparing = m_attentionReady = false;
    m_loading = true;
    Q_EMIT statusChanged(tr("Loading the model…"));
    m_server->setModel(choice);
    if (!m_server->model().is_null()) // it was loaded already: the server says nothing again
        loaded(m_server->model());
}

void LabSession::loaded(const Json& metadata)
{
    if (!m_loading && metadata == m_metadata)
        return; // the worker started again: the same weights, and nothing asked of them is lost
    m_metadata = metadata;
    // a painted mask stays with the grid it was painted on, placed crops with theirs
    const std::string key = metadata.value("method", "") + " " + jsonLine(metadata.value("pipeline", Json()));
    if (key != m_paintedOn)
        forgetResults();
    m_paintedOn = key;
    const bool hadAttention = !m_attention.isEmpty();
    m_attention = {}; // of the former weights
    m_attentionShown = {};
    const Json options = metadata.value("options", Json::object());
    if (const std::string own = metadata.value("method", "") + " " + jsonLine(options); own != std::exchange(m_optionsOf, own)) {
        m_settings.options = Json::object(); // the form shows those of the model again
        if (!m_ratiosChosen)
            takeOwnRatios();
    }
    m_ratiosChosen = false;
    if (const std::string source = options.value("region_source", ""); source != m_regionOf) { // checkpoints of one run leave alone what a person chose
        m_regionOf = source;
        if (const auto region = regionNamed(source); region && !m_regionChosen)
            m_settings.source = *region;
    }
    m_regionChosen = false;
    m_loading = m_attentionReady = false;
    m_preparing = true; // nothing is asked of it before its input is there
    Q_EMIT modelChanged();
    if (hadAttention)
        Q_EMIT attentionChanged();
    Q_EMIT statusChanged(tr("Model ready"));
    makeInput();
}

void LabSession::stopWork()
{
    const std::string what = m_server->atWorkOn();
    if (what.empty())
        return;
    // the worker starts again with the weights that are shown: what waits for it is stopped
    const bool startsAgain = what == protocol::Load && !m_loading, attention = startsAgain ? m_attentionAsking || m_occlusionAsking : what != protocol::Reconstruct;
    m_server->cancel();
    if (what == protocol::Load && !startsAgain) {
        m_loading = false;
        forgetAnswers(); // of weights that are chosen no more
        Q_EMIT reconstructionChanged();
        Q_EMIT statusChanged(tr("Loading was stopped; Redraw loads the model after all"));
        return;
    }
    if (attention) {
        m_attentionAgain = false;
        setAttentionWanted(false);
        Q_EMIT attentionStopped();
    }
    Q_EMIT statusChanged(attention ? tr("Stopped; Show over the original asks for the attention again") : tr("Stopped; Redraw asks the model again"));
}

/// What was given for one image says nothing of the next one: the source is the model's own again.
void LabSession::letRegionGo()
{
    m_regionLetGo.clear();
    if (m_settings.source == RegionSource::MaskFile && !m_settings.maskFile.empty())
        m_regionLetGo = tr("%1 was the region of the image before.").arg(QString::fromStdString(m_settings.maskFile.filename().string()));
    else if (m_settings.source == RegionSource::Polygon)
        m_regionLetGo = tr("The polygon was drawn on the image before.");
    if (!m_regionLetGo.isEmpty())
        m_settings.source = regionNamed(m_regionOf).value_or(RegionSource::LungContour);
    m_settings.maskFile.clear();
    m_settings.polygon.clear();
}

void LabSession::setImage(const imaging::Volume& image, const path& file)
{
    const imaging::Volume& last = m_image.isEmpty() ? m_before : m_image; // there is none while the next one is read
    if (!image.isEmpty() && !last.isEmpty() && &image.voxels() != &last.voxels())
        letRegionGo();
    if (!m_image.isEmpty())
        m_before = m_image;
    m_image = image;
    m_imageFile = file;
    m_request = {};
    m_inputPictures.reset();
    m_preparing = false;
    ++m_imageNumber;
    forgetResults();
    Q_EMIT inputChanged();
    makeInput();
}

void LabSession::setOther(const imaging::Volume& other, const QString& name)
{
    m_otherImage = other;
    m_otherName = other.isEmpty() ? QString() : name;
    makeInput();
}

Result<Json> LabSession::pipeline() const
{
    if (m_image.isEmpty())
        return fail(ErrorCode::Empty, "No image is open. Open a radiograph or a volume in Studies (F4), or drag one onto the window.");
    HILUM_TRY(Json out, services::pipelineFor(m_metadata.value("pipeline", Json::object()), m_image, methodTitle()));
    if (services::pipelineKind(out) == "radiograph" && knowsRegion() && m_settings.source == RegionSource::MaskFile && m_settings.maskFile.empty())
        return fail(ErrorCode::Usage, "{} takes the chest region from a file here: choose one under Region, as large as the image, or another region.", methodTitle());
    return out;
}

void LabSession::makeInput()
{
    if (!m_metadata.is_object()) {
        if (!m_loading && !m_image.isEmpty() && m_choice != services::ModelChoice{})
            Q_EMIT statusChanged(tr("No model is loaded; Redraw loads it"));
        return;
    }
    auto wanted = pipeline();
    if (!wanted) {
        m_request = {};
        m_inputPictures.reset();
        m_preparing = false;
        ++m_imageNumber;
        Q_EMIT refused(QString::fromStdString(wanted.error().message));
        return;
    }
    Q_EMIT refused({});
    if (services::pipelineKind(*wanted) == "radiograph")
        (*wanted)["region"] = knowsRegion() ? pipelineRegion(m_settings.source) : "none";
    // the other image goes along where the method has a use for it and takes such images
    imaging::Volume other;
    Json otherPipeline;
    if (!m_otherImage.isEmpty() && (shows("donor") || shows("cmcl_similarity"))) {
        if (auto same = services::pipelineFor(*wanted, m_otherImage, methodTitle())) {
            other = m_otherImage;
            otherPipeline = *std::move(same);
            if (services::pipelineKind(otherPipeline) == "radiograph")
                otherPipeline["region"] = "none";
        } else {
            m_otherImage = {};
            m_otherName.clear();
            Q_EMIT statusChanged(tr("The other image is let go: %1").arg(QString::fromStdString(same.error().message)));
        }
    }
    const std::uint64_t number = ++m_imageNumber;
    const MaskSettings settings = m_settings;
    const bool given = knowsRegion() && (settings.source == RegionSource::MaskFile || settings.source == RegionSource::Polygon);
    Q_EMIT statusChanged(tr("Preparing the image…"));
    struct Inputs {
        services::RequestInput image, other;
        std::shared_ptr<const InputPictures> pictures;
    };
    m_preparing = true;
    m_runner->run<std::shared_ptr<Inputs>>(
        this,
        [image = m_image, other, otherPipeline, pipeline = *wanted, settings, given](const Work& work) -> Result<std::shared_ptr<Inputs>> {
            std::optional<imaging::ChestRegion> region;
            const Index3 size = image.geometry().size;
            if (given && settings.source == RegionSource::MaskFile) {
                HILUM_TRY(region, services::regionFromFile(settings.maskFile, size[0], size[1], work));
            } else if (given) {
                region = imaging::regionFromPolygon(settings.polygon, size[0], size[1]);
            }
            auto out = std::make_shared<Inputs>();
            HILUM_TRY(out->image, services::requestInput(image, pipeline, region ? &*region : nullptr, work));
            if (out->image.plane)
                out->pictures = std::make_shared<const InputPictures>(lab::inputPictures(*out->image.plane));
            if (!other.isEmpty()) {
                HILUM_TRY(out->other, services::requestInput(other, otherPipeline, nullptr, work));
            }
            return out;
        },
        [this, number, pipeline = *wanted](Result<std::shared_ptr<Inputs>> made) {
            if (number != m_imageNumber)
                return;
            m_preparing = false;
            if (!made) {
                if (made.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(made.error(), tr("Preparing the image for the model"));
                return;
            }
            m_request = (*made)->image;
            m_other = (*made)->other;
            m_inputPictures = (*made)->pictures;
            m_pipeline = pipeline;
            m_volumeRequest.clear();
            m_attentionReady = false;
            Q_EMIT inputChanged();
            ask();
            askAttention();
        });
}

view::TokenGrid LabSession::grid() const
{
    view::TokenGrid out;
    if (const imaging::ModelInput* plane = input()) {
        out.width = plane->width;
        out.height = plane->height;
        if (!m_mask.isEmpty()) {
            out.rows = m_mask.rows();
            out.columns = m_mask.columns();
        } else if (methodEntry() && !shows("mask")) { // no patches: pixels
            out.rows = plane->height;
            out.columns = plane->width;
        }
    }
    return out;
}

void LabSession::setStatus(const Json& answer)
{
    m_device = answer.value("device", Json());
    const std::string device = m_device.is_string() ? m_device.get<std::string>() : m_device.is_object() ? m_device.value("name", "") : "";
    const double seconds = answer.value("seconds", 0.0);
    if (!device.empty())
        Q_EMIT deviceKnown(QString::fromStdString(device));
    Q_EMIT statusChanged(QStringLiteral("%1 · %2 s").arg(QString::fromStdString(device), QString::fromStdString(fixed(seconds, 2))));
}

} // namespace hilum::lab
