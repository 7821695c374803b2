#include "plugins/panels/lab/lab_session.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/imaging/read.h"

#include <algorithm>
#include <filesystem>
#include <format>

namespace hilum::lab {

namespace {

constexpr int ThrottleMs = 60; // between requests while a stroke goes on

// what the pipeline of an image must compute for a source; the rest is handed in
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
    std::error_code ignored; // a temporary file of a folder that is removed at the end anyway
    std::filesystem::remove(file, ignored);
}

} // namespace

LabSession::LabSession(services::TaskRunner* runner, services::ModelServer* server, QObject* parent) : QObject(parent), m_runner(runner), m_server(server)
{
    m_throttle.setSingleShot(true);
    connect(&m_throttle, &QTimer::timeout, this, &LabSession::ask);
    connect(server, &services::ModelServer::modelReady, this, &LabSession::loaded);
    connect(server, &services::ModelServer::failed, this, [this](const QString& sentence) {
        m_pending = 0;
        m_attentionAsking = m_attentionReady = false;
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

bool LabSession::hasOption(const std::string& key) const
{
    return optionField(methodEntry(), key) != nullptr;
}

bool LabSession::knowsRegion() const
{
    return hasOption("mask_ratio_inside");
}

void LabSession::setModel(const services::ModelChoice& choice)
{
    m_choice = choice;
    m_metadata = {};
    m_attentionReady = false;
    Q_EMIT statusChanged(tr("Loading the model…"));
    m_server->setModel(choice);
    if (!m_server->model().is_null()) // it was loaded already: the server says nothing again
        loaded(m_server->model());
}

void LabSession::loaded(const Json& metadata)
{
    m_metadata = metadata;
    // a painted mask stays with the grid it was painted on
    const std::string key = metadata.value("method", "") + " " + jsonLine(metadata.value("pipeline", Json()));
    if (key != m_paintedOn)
        m_painted = false;
    m_paintedOn = key;
    m_attentionReady = false;
    Q_EMIT modelChanged();
    Q_EMIT statusChanged(tr("Model ready"));
    makeInput();
}

void LabSession::setImage(const imaging::Volume& image)
{
    m_image = image;
    m_input.reset();
    ++m_imageNumber;
    m_reconstruction = {};
    m_attention = {};
    m_attentionReady = false;
    m_painted = false;
    Q_EMIT inputChanged();
    makeInput();
}

std::string LabSession::refusal() const
{
    if (m_image.isEmpty())
        return "No image is open. Open a radiograph in Studies (F4), or drag one onto the window.";
    const Json pipeline = m_metadata.value("pipeline", Json::object());
    const std::string kind = pipeline.value("kind", "");
    const Json* entry = methodEntry();
    const std::string title = entry ? entry->value("title", "") : m_metadata.value("method", "This model");
    const Index3 size = m_image.geometry().size;
    if (kind == "radiograph" && size[2] > 1)
        return std::format("{} learns radiographs, and the open series is a volume of {} slices. A slice of it is not a radiograph, so nothing is shown. "
                           "Open a radiograph, or choose a method for volumes.", title, size[2]);
    if (kind != "radiograph")
        return std::format("{} works on \"{}\" input, which the Lab does not show.", title, kind.empty() ? "unknown" : kind);
    return {};
}

void LabSession::makeInput()
{
    if (!m_metadata.is_object())
        return;
    if (const std::string why = refusal(); !why.empty()) {
        m_input.reset();
        Q_EMIT refused(QString::fromStdString(why));
        return;
    }
    Q_EMIT refused({});
    Json pipeline = m_metadata["pipeline"];
    pipeline["region"] = knowsRegion() ? pipelineRegion(m_settings.source) : "none";
    const std::uint64_t number = ++m_imageNumber;
    const MaskSettings settings = m_settings;
    const bool given = knowsRegion() && (settings.source == RegionSource::MaskFile || settings.source == RegionSource::Polygon);
    Q_EMIT statusChanged(tr("Preparing the image…"));
    using Input = std::shared_ptr<const imaging::ModelInput>;
    m_runner->run<Input>(
        this,
        [image = m_image, pipeline, settings, given](const Work& work) -> Result<Input> {
            std::optional<imaging::ChestRegion> region;
            const Index3 size = image.geometry().size;
            if (given && settings.source == RegionSource::MaskFile) {
                HILUM_TRY(const imaging::Volume mask, imaging::readVolume(settings.maskFile, {}, work));
                region = imaging::regionFromMask(mask, size[0], size[1]);
            } else if (given) {
                region = imaging::regionFromPolygon(settings.polygon, size[0], size[1]);
            }
            HILUM_TRY(imaging::ModelInput input, imaging::modelInput(image, pipeline, 0, region ? &*region : nullptr));
            return std::make_shared<const imaging::ModelInput>(std::move(input));
        },
        [this, number](Result<Input> input) {
            if (number != m_imageNumber)
                return;
            if (!input) {
                if (input.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(input.error(), tr("Preparing the image for the model"));
                return;
            }
            m_input = *std::move(input);
            m_attentionReady = false;
            Q_EMIT inputChanged();
            ask();
            askAttention();
        });
}

view::TokenGrid LabSession::grid() const
{
    view::TokenGrid out;
    if (m_input) {
        out.width = m_input->width;
        out.height = m_input->height;
    }
    if (!m_mask.isEmpty()) {
        out.rows = m_mask.rows();
        out.columns = m_mask.columns();
    }
    return out;
}

void LabSession::setMaskSettings(const MaskSettings& settings)
{
    if (settings == m_settings)
        return;
    const bool region = settings.source != m_settings.source || settings.maskFile != m_settings.maskFile || settings.polygon != m_settings.polygon;
    m_settings = settings;
    m_painted = false;
    if (region && knowsRegion())
        makeInput();
    else
        askSoon();
}

void LabSession::redraw()
{
    m_painted = false;
    askSoon();
}

void LabSession::beginStroke(view::MaskModel::Stroke stroke, double radius)
{
    if (!m_mask.isEmpty())
        m_mask.beginStroke(stroke, radius);
}

void LabSession::strokeTo(double x, double y)
{
    if (!m_mask.inStroke())
        return;
    const auto token = grid().toToken(x, y);
    if (!m_mask.strokeTo(token[0], token[1]))
        return;
    m_painted = true;
    Q_EMIT maskChanged();
    askSoon();
}

void LabSession::endStroke()
{
    if (m_mask.endStroke())
        Q_EMIT maskChanged();
}

void LabSession::undo()
{
    if (!m_mask.undo())
        return;
    m_painted = true;
    Q_EMIT maskChanged();
    askSoon();
}

void LabSession::redo()
{
    if (!m_mask.redo())
        return;
    m_painted = true;
    Q_EMIT maskChanged();
    askSoon();
}

void LabSession::askSoon()
{
    if (!m_throttle.isActive())
        m_throttle.start(ThrottleMs);
}

Json LabSession::requestFields() const
{
    Json fields = {{"seed", m_settings.seed}};
    if (knowsRegion()) {
        fields["mask_ratio_inside"] = m_settings.ratioInside;
        fields["mask_ratio_outside"] = m_settings.ratioOutside;
    } else if (hasOption("mask_ratio")) {
        fields["mask_ratio"] = m_settings.ratioOutside;
    }
    // the option's own words: the rectangle is what the public code does, everything else is a region map sent with the request
    if (const Json* field = optionField(methodEntry(), "region_source"); field && field->contains("choices")) {
        const bool rectangle = m_settings.source == RegionSource::Rectangle;
        for (const char* wanted : rectangle ? std::initializer_list<const char*>{"rectangle", "as-released"}
                                            : std::initializer_list<const char*>{"lung-contour", "contour", "paper-idea", "map"})
            for (const Json& choice : (*field)["choices"])
                if (choice.value("key", "") == wanted && !fields.contains("region_source"))
                    fields["region_source"] = wanted;
    }
    return fields;
}

void LabSession::ask()
{
    if (!m_input || !m_metadata.is_object())
        return;
    if (m_writing) {
        m_again = true;
        return;
    }
    if (m_painted && m_mask.counts().hidden() == m_mask.counts().total()) {
        Q_EMIT statusChanged(tr("Every patch is hidden: reveal at least one, the model needs something to see"));
        return;
    }
    m_writing = true;
    m_again = false;
    const path request = m_server->newFile(".safetensors"), out = m_server->newFile(".safetensors");
    const bool painted = m_painted;
    const std::uint64_t image = m_imageNumber;
    Json fields = requestFields();
    fields["request"] = request.string();
    fields["out"] = out.string();
    Q_EMIT statusChanged(tr("Reconstructing…"));
    const std::array grid{m_mask.rows(), m_mask.columns()};
    m_runner->run<bool>(
        this,
        [input = m_input, request, mask = painted ? m_mask.mask() : std::vector<std::uint8_t>{}, grid](const Work&) -> Result<bool> {
            HILUM_TRY_STATUS(imaging::writeRequest(*input, request, mask.empty() ? nullptr : &mask, grid));
            return true;
        },
        [this, fields, image, painted, request](Result<bool> written) {
            m_writing = false;
            if (!written) {
                Q_EMIT failed(written.error(), tr("Writing the request"));
                return;
            }
            ++m_pending;
            const std::uint64_t number = ++m_asked;
            m_server->request("reconstruct", fields, this, [this, image, painted, request, number](Result<Json> answer) {
                removeFile(request);
                m_pending = std::max(0, m_pending - 1);
                if (number > m_shown) {
                    if (answer)
                        m_shown = number;
                    answered(image, std::move(answer), painted);
                }
            });
            if (m_again)
                ask();
        });
}

void LabSession::answered(std::uint64_t image, Result<Json> answer, bool painted)
{
    if (!answer) {
        // the loss of the worker is told once, by the server
        if (answer.error().code != ErrorCode::Cancelled && answer.error().code != ErrorCode::WorkerLost)
            Q_EMIT failed(answer.error(), tr("Reconstructing"));
        return;
    }
    const path out = answer->value("out", "");
    if (image != m_imageNumber) {
        removeFile(out);
        return;
    }
    m_runner->run<std::shared_ptr<view::Reconstruction>>(
        this,
        [out](const Work&) -> Result<std::shared_ptr<view::Reconstruction>> {
            auto read = view::readReconstruction(out);
            removeFile(out);
            if (!read)
                return std::unexpected(withContext(std::move(read).error(), "reading the worker's answer"));
            return std::make_shared<view::Reconstruction>(*std::move(read));
        },
        [this, image, painted, answer = *answer](Result<std::shared_ptr<view::Reconstruction>> arrays) {
            if (image != m_imageNumber)
                return;
            if (!arrays) {
                if (arrays.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(arrays.error(), tr("Reconstructing"));
                return;
            }
            m_numbers = answer.value("numbers", Json::object());
            show(std::move(**arrays), painted);
            setStatus(answer);
        });
}

void LabSession::show(view::Reconstruction arrays, bool painted)
{
    const bool sameGrid = !m_mask.isEmpty() && m_mask.rows() == arrays.rows && m_mask.columns() == arrays.columns;
    if (m_painted && sameGrid) {
        // painting goes on while answers come: the mask on screen stays the person's
        m_mask.setRegion(arrays.region);
    } else if (!painted) {
        m_mask.reset(arrays.rows, arrays.columns, arrays.mask, arrays.region);
        m_painted = false;
    } else {
        return; // a painted mask that was given up in the meantime: the drawn one follows
    }
    m_reconstruction = std::move(arrays);
    m_shownPainted = painted;
    Q_EMIT maskChanged();
    Q_EMIT reconstructionChanged();
}

view::MaskNumbers LabSession::maskNumbers() const
{
    view::MaskNumbers out{.counts = m_mask.counts(), .hasRegion = m_mask.hasRegion()};
    const bool current = !m_reconstruction.isEmpty() && m_reconstruction.mask == m_mask.mask();
    if (current && !m_reconstruction.patchLoss.empty())
        view::addLosses(out, m_mask, m_reconstruction.patchLoss);
    if (current)
        out.meanError = m_reconstruction.meanError();
    if (m_metadata.is_object())
        for (const char* key : {"normalise_target", "normalised_target", "norm_pix", "norm_pix_loss", "normalise_patches"}) {
            const Json options = m_metadata.value("options", Json::object());
            if (options.contains(key) && options[key].is_boolean())
                out.normalisedTarget = options[key].get<bool>();
        }
    return out;
}

view::PatchReadout LabSession::readout(std::int64_t row, std::int64_t column) const
{
    view::PatchReadout out{row, column, m_mask.hidden(row, column), m_mask.hasRegion() ? std::optional(m_mask.inside(row, column)) : std::nullopt, {}, {}};
    const auto at = static_cast<std::size_t>(row * m_mask.columns() + column);
    if (m_reconstruction.patchLoss.size() > at && m_reconstruction.mask[at] != 0 && out.hidden)
        out.loss = static_cast<double>(m_reconstruction.patchLoss[at]);
    if (m_attentionWanted && m_attention.values.size() == m_mask.mask().size())
        out.attention = static_cast<double>(m_attention.values[at]);
    return out;
}

void LabSession::setAttentionWanted(bool wanted)
{
    if (wanted == m_attentionWanted)
        return;
    m_attentionWanted = wanted;
    if (wanted)
        askAttention();
    else
        Q_EMIT attentionChanged();
}

void LabSession::setAttentionWish(const AttentionWish& wish)
{
    if (wish == m_attentionWish)
        return;
    m_attentionWish = wish;
    askAttention();
}

void LabSession::askAttention()
{
    if (!m_attentionWanted || !m_input || !m_metadata.is_object())
        return;
    if (m_attentionReady) {
        sendAttention();
        return;
    }
    if (m_attentionAsking) {
        m_attentionAgain = true;
        return;
    }
    m_attentionAsking = true;
    m_attentionAgain = false;
    const path request = m_server->newFile(".safetensors");
    const std::uint64_t image = m_imageNumber;
    Q_EMIT statusChanged(tr("Computing attention…"));
    m_runner->run<bool>(
        this,
        [input = m_input, request](const Work&) -> Result<bool> {
            HILUM_TRY_STATUS(imaging::writeRequest(*input, request));
            return true;
        },
        [this, request, image](Result<bool> written) {
            if (!written) {
                m_attentionAsking = false;
                Q_EMIT failed(written.error(), tr("Writing the request"));
                return;
            }
            m_server->request("prepare_attention", {{"request", request.string()}}, this, [this, request, image](Result<Json> answer) {
                removeFile(request);
                m_attentionAsking = false;
                if (!answer) {
                    if (answer.error().code != ErrorCode::Cancelled)
                        Q_EMIT failed(answer.error(), tr("Computing attention"));
                    return;
                }
                if (image != m_imageNumber || m_attentionAgain) {
                    askAttention();
                    return;
                }
                for (const char* key : {"layers", "heads"})
                    if (answer->contains(key) && (*answer)[key].is_number_integer())
                        m_metadata[key] = (*answer)[key];
                m_attentionReady = true;
                sendAttention();
            });
        });
}

void LabSession::sendAttention()
{
    const path out = m_server->newFile(".safetensors");
    const std::uint64_t image = m_imageNumber;
    const AttentionWish wish = m_attentionWish;
    const std::int64_t layer = wish.layer < 0 ? layers() - 1 : wish.layer;
    Json fields = {{"kind_of", wish.kind}, {"layer", layer}, {"head", wish.head}, {"query", nullptr}, {"out", out.string()}};
    if (wish.query && !m_mask.isEmpty())
        fields["query"] = (*wish.query)[0] * m_mask.columns() + (*wish.query)[1];
    m_server->request("attention", fields, this, [this, out, image, wish](Result<Json> answer) {
        if (!answer) {
            // the worker may have ended while idle and started anew: its matrices are gone
            if (m_attentionReady && !m_attentionRetried && answer.error().code == ErrorCode::Usage) {
                m_attentionReady = false;
                m_attentionRetried = true;
                askAttention();
            } else if (answer.error().code != ErrorCode::Cancelled) {
                Q_EMIT failed(answer.error(), tr("Computing attention"));
            }
            return;
        }
        m_runner->run<view::AttentionMap>(
            this,
            [out](const Work&) -> Result<view::AttentionMap> {
                auto read = view::readAttention(out);
                removeFile(out);
                return read;
            },
            [this, image, wish, answer = *answer](Result<view::AttentionMap> map) {
                if (image != m_imageNumber || wish != m_attentionWish)
                    return;
                if (!map) {
                    Q_EMIT failed(map.error(), tr("Computing attention"));
                    return;
                }
                m_attention = *std::move(map);
                m_attentionRetried = false;
                m_attentionNumbers = answer.value("numbers", Json::object());
                setStatus(answer);
                Q_EMIT attentionChanged();
            });
    });
}

std::string LabSession::attentionName() const
{
    const AttentionWish& w = m_attentionWish;
    const std::int64_t layer = (w.layer < 0 ? layers() - 1 : w.layer) + 1;
    std::string what = w.kind;
    if (w.kind == "rollout")
        what = std::format("rollout over {} layers, residual included", layers());
    else if (w.kind == "mean")
        what = std::format("layer {} of {}, mean of {} heads", layer, layers(), heads());
    else if (w.kind == "head")
        what = std::format("layer {} of {}, head {} of {}", layer, layers(), w.head + 1, heads());
    else if (w.kind == "gradient")
        what = std::format("gradient-weighted, layer {} of {}", layer, layers());
    return what + (w.query ? std::format(" · from patch r{} c{}", (*w.query)[0], (*w.query)[1]) : std::string(" · from the class token"));
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

Provenance LabSession::provenance(const std::string& sourceDigest) const
{
    Provenance out;
    out.kind = "reconstruction";
    Json options = m_metadata.value("options", Json::object());
    const Json asked = requestFields();
    for (const auto& [key, value] : asked.items())
        if (key != "seed")
            options[key] = value;
    out.method = {{"id", m_metadata.value("method", m_choice.method)}, {"preset", m_metadata.value("preset", Json(m_choice.preset))}, {"options", options}};
    for (const char* key : {"weights_sha256", "step", "licence", "cache_digest"})
        if (m_metadata.contains(key))
            out.model[key] = m_metadata[key];
    out.model["untrained"] = m_choice.model.empty() && m_choice.checkpoint.empty();
    const path& where = m_choice.checkpoint.empty() ? m_choice.model : m_choice.checkpoint;
    if (!where.empty())
        out.model["name"] = (m_choice.checkpoint.empty() ? where.filename() : path(where.parent_path().parent_path().filename()) / where.filename()).string();
    else
        out.model["initialisation_seed"] = m_choice.seed;
    if (!sourceDigest.empty())
        out.inputs.push_back({{"digest", sourceDigest}, {"kind", "image file"}});
    if (m_input) {
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(m_input->image)))}, {"kind", "model input"}});
        out.preprocessing = m_metadata.value("pipeline", Json::object());
        out.preprocessing["region"] = knowsRegion() ? pipelineRegion(m_settings.source) : "none";
        out.preprocessing["region_method"] = m_input->regionMethod;
        out.preprocessing["region_confidence"] = m_input->regionConfidence;
        out.preprocessing["grey_chain"] = m_input->chain;
        out.preprocessing["image_pixel"] = {{"scale", m_input->scale}, {"offset", m_input->offset}};
    }
    out.seed = m_settings.seed;
    out.device = m_device.is_object() ? m_device : Json{{"name", m_device}};
    return out;
}

Status LabSession::writeRequestFile(const path& file) const
{
    if (!m_input || m_reconstruction.isEmpty())
        return fail(ErrorCode::Empty, "there is no reconstruction to record");
    // a drawn mask is drawn again from the seed: the order of the tokens, and with it the last bit, is then the same
    return imaging::writeRequest(*m_input, file, m_shownPainted ? &m_reconstruction.mask : nullptr, {m_reconstruction.rows, m_reconstruction.columns});
}

} // namespace hilum::lab
