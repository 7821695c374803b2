// Masks and crops of LabSession, and what the worker makes of them. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include "core/base/job_protocol.h"
#include "plugins/panels/lab/drawn_pictures.h"

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

constexpr int ThrottleMs = 60; // between requests while a stroke or a drag goes on

} // namespace

void LabSession::setMaskSettings(const MaskSettings& settings)
{
    if (settings == m_settings)
        return;
    const bool region = settings.source != m_settings.source || settings.maskFile != m_settings.maskFile || settings.polygon != m_settings.polygon;
    if (settings.seed != m_settings.seed)
        m_cropCentres.clear(); // another seed draws other crops
    m_regionChosen = m_regionChosen || ((m_loading || m_regionOf.empty()) && settings.source != m_settings.source);
    m_ratiosChosen = m_ratiosChosen || ((m_loading || m_optionsOf.empty()) && (settings.ratioInside != m_settings.ratioInside || settings.ratioOutside != m_settings.ratioOutside));
    m_settings = settings;
    m_painted = false;
    if (region)
        m_regionLetGo.clear();
    if (region && knowsRegion())
        makeInput();
    else
        askSoon();
}

void LabSession::redraw()
{
    if (!m_metadata.is_object() && !m_loading && m_choice != services::ModelChoice{}) { // it was stopped while it was loaded
        setModel(m_choice);
        return;
    }
    m_painted = false;
    m_cropCentres.clear();
    askSoon();
}

void LabSession::beginStroke(view::MaskModel::Stroke stroke, double radius)
{
    if (m_mask.isEmpty() || !input())
        return;
    m_paintedBefore = m_painted;
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

bool LabSession::cancelStroke()
{
    if (!m_mask.inStroke())
        return false;
    m_mask.cancelStroke();
    m_painted = m_paintedBefore;
    Q_EMIT maskChanged();
    askSoon();
    return true;
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

void LabSession::setCropCentre(std::optional<std::array<std::int64_t, 3>> ijk)
{
    if (ijk == m_cropCentre)
        return;
    m_cropCentre = ijk;
    askSoon();
}

void LabSession::placeCrop(std::size_t crop, double i, double j)
{
    if (crop >= m_answer.cropBoxes.size())
        return;
    // a crop of n voxels begins n / 2 voxels, rounded down, before its centre
    const auto whole = [](double v, std::int64_t side) { return std::llround(v - static_cast<double>(side) / 2) + side / 2; };
    const auto centre = [&](const view::Box& box, double ci, double cj) {
        std::vector<std::int64_t> out{whole(ci, box[3] - box[0]), whole(cj, box[4] - box[1])};
        if (const std::int64_t depth = box[5] - box[2]; depth < m_answer.input.depth)
            out.push_back(box[2] + depth / 2); // at the depth where it is
        return out;
    };
    if (m_cropCentres.size() != m_answer.cropBoxes.size()) { // the others stay where the seed drew them
        m_cropCentres.clear();
        for (const view::Box& box : m_answer.cropBoxes) {
            const auto [bi, bj] = view::middle(box);
            m_cropCentres.push_back(centre(box, bi, bj));
        }
    }
    m_cropCentres[crop] = centre(m_answer.cropBoxes[crop], i, j);
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
    } else if (hidesShare()) {
        fields["mask_ratio"] = m_settings.ratioOutside;
    }
    for (const auto& [key, value] : m_settings.options.items())
        if (hasOption(key))
            fields[key] = value;
    // the option's own words: the rectangle is what the public code does, everything else is a region map sent with the request; the first of the words that there is
    if (const Json* field = optionField(methodEntry(), "region_source"); field && field->contains("choices")) {
        std::vector<const char*> words{"lung-contour", "contour", "paper-idea", "map"};
        if (m_settings.source == RegionSource::Rectangle)
            words = {"rectangle", "as-released"};
        else if (m_settings.source == RegionSource::MaskFile)
            words.insert(words.begin(), "mask-file");
        for (const char* wanted : words)
            for (const Json& choice : (*field)["choices"])
                if (choice.value("key", "") == wanted && !fields.contains("region_source"))
                    fields["region_source"] = wanted;
    }
    if (isVolume()) {
        if (!m_request.modalityClass.empty())
            fields["modality_class"] = m_request.modalityClass;
        if (m_cropCentre)
            fields["crop_centre"] = *m_cropCentre;
        if (!m_cropCentres.empty())
            fields["crop_centres"] = m_cropCentres;
    }
    if (shows("similarity")) {
        if (!m_report.isEmpty())
            fields["report"] = m_report.toStdString();
        if (!m_texts.isEmpty()) {
            fields["texts"] = Json::array();
            for (const QString& text : m_texts)
                fields["texts"].push_back(text.toStdString());
        }
    }
    return fields;
}

void LabSession::ask()
{
    if (m_request.isEmpty() || !m_metadata.is_object() || m_preparing) // it is asked when the next input is there
        return;
    if (m_writing) {
        m_again = true;
        return;
    }
    const bool painted = m_painted && input();
    if (painted && m_mask.counts().hidden() == m_mask.counts().total()) {
        Q_EMIT statusChanged(tr("Every patch is hidden: reveal at least one, the model needs something to see"));
        return;
    }
    m_again = false;
    Q_EMIT statusChanged(tr("Asking the model…"));
    if (isVolume() && !m_volumeRequest.empty()) { // only fields differ: the volume lies there already
        send(m_volumeRequest, false);
        return;
    }
    if (isVolume() && !m_folder) {
        auto made = TemporaryFolder::make("hilum-lab");
        if (!made) {
            Q_EMIT failed(made.error(), tr("Writing the request"));
            return;
        }
        m_folder = std::make_shared<const TemporaryFolder>(*std::move(made));
    }
    m_writing = true;
    services::ModelRequest request{.input = m_request, .others = {}};
    if (painted) {
        request.mask = m_mask.mask();
        request.maskGrid = {m_mask.rows(), m_mask.columns()};
    }
    if (sendsOther())
        request.others.push_back(m_other);
    const path file = isVolume() ? m_folder->where() / "volume.safetensors" : m_server->newFile(".safetensors");
    const std::uint64_t image = m_imageNumber;
    const auto reports = reportsToSend();
    m_runner->run<bool>(
        this,
        [request = std::move(request), reports, file, folder = m_folder](const Work&) mutable -> Result<bool> { // the folder lives as long as somebody writes into it
            if (reports)
                request.texts = reports->texts();
            HILUM_TRY_STATUS(services::writeRequest(request, file));
            return true;
        },
        [this, painted, file, image, reports](Result<bool> written) {
            m_writing = false;
            if (!written) {
                if (written.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(written.error(), tr("Writing the request"));
                return;
            }
            if (image != m_imageNumber || reports != reportsToSend()) { // another image or other reports in the meantime
                ask();
                return;
            }
            if (isVolume())
                m_volumeRequest = file;
            send(file, painted);
            if (m_again)
                ask();
        });
}

void LabSession::send(const path& request, bool painted)
{
    giveUpOcclusion(); // it takes long, and is asked for again after this answer
    const path out = m_server->newFile(".safetensors");
    Json fields = requestFields();
    const Asked asked{.image = m_imageNumber,
                      .number = ++m_asked,
                      .origin = {.choice = m_choice, .metadata = m_metadata, .pipeline = m_pipeline, .fields = fields, .input = m_request,
                                 .other = sendsOther() ? m_other : services::RequestInput{}, .reports = reportsToSend(), .painted = painted}};
    fields["request"] = request.string();
    fields["out"] = out.string();
    const bool keep = request == m_volumeRequest;
    ++m_pending;
    m_server->request("reconstruct", fields, this, [this, request, keep, asked](Result<Json> answer) {
        if (!keep)
            removeFile(request);
        m_pending = std::max(0, m_pending - 1);
        if (asked.number > m_shown) {
            if (answer)
                m_shown = asked.number;
            answered(asked, std::move(answer));
        }
    });
}

void LabSession::answered(const Asked& asked, Result<Json> answer)
{
    if (!answer) {
        // the loss of the worker is told once, by the server
        if (answer.error().code != ErrorCode::Cancelled && answer.error().code != ErrorCode::WorkerLost)
            Q_EMIT failed(answer.error(), tr("Asking the model"));
        letOcclusionGo();
        return;
    }
    const path out = answer->value("out", "");
    if (asked.image != m_imageNumber || asked.origin.reports != reportsToSend()) {
        removeFile(out);
        return;
    }
    ++m_reading;
    const Json numbers = answer->value("numbers", Json());
    const auto filled = numbers.is_object() ? numbers.find("filled_with") : numbers.end();
    m_runner->run<std::shared_ptr<Shown>>(
        this,
        [out, masked = hasMask(), filledWith = filled != numbers.end() && filled->is_string() ? filled->get<std::string>() : std::string()](const Work&) -> Result<std::shared_ptr<Shown>> {
            const auto shown = std::make_shared<Shown>();
            const auto read = [&]() -> Status {
                if (masked) {
                    HILUM_TRY(shown->plane, view::readReconstruction(out));
                    shown->pictures = std::make_shared<const ResultPictures>(lab::resultPictures(shown->plane, filledWith));
                } else {
                    HILUM_TRY(shown->whole, view::readVolumeAnswer(out));
                }
                return {};
            }();
            removeFile(out);
            if (!read)
                return std::unexpected(withContext(read.error(), "reading the worker's answer"));
            return shown;
        },
        [this, asked, answer = *answer](Result<std::shared_ptr<Shown>> arrays) {
            --m_reading;
            if (asked.image != m_imageNumber || asked.origin.reports != reportsToSend() || asked.number < m_drawn)
                return;
            if (const Status fits = arrays ? fitsTexts(**arrays, asked) : Status(std::unexpected(arrays.error())); !fits) {
                if (fits.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(fits.error(), tr("Asking the model"));
                letOcclusionGo();
                return;
            }
            m_drawn = asked.number;
            show(std::move(**arrays), asked.origin, answer.value("numbers", Json::object()));
            setStatus(answer);
            if (m_attentionWish.kind == protocol::Occlusion)
                askAttention();
        });
}

void LabSession::show(Shown arrays, const AnswerOrigin& origin, Json numbers)
{
    if (!hasMask()) {
        m_answer = std::move(arrays.whole);
        m_origin = origin;
        m_numbers = std::move(numbers);
        m_mask = {};
        Q_EMIT reconstructionChanged();
        return;
    }
    view::Reconstruction& plane = arrays.plane;
    const bool sameGrid = !m_mask.isEmpty() && m_mask.rows() == plane.rows && m_mask.columns() == plane.columns;
    if (m_painted && sameGrid) {
        // painting goes on while answers come: the mask on screen stays the person's
        m_mask.setRegion(plane.region);
    } else if (!origin.painted) {
        m_mask.reset(plane.rows, plane.columns, plane.mask, plane.region);
        m_painted = false;
    } else {
        return; // a painted mask that was given up in the meantime: the drawn one follows
    }
    m_reconstruction = std::move(plane);
    m_resultPictures = std::move(arrays.pictures);
    m_origin = origin;
    m_numbers = std::move(numbers);
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
    if (!m_reconstruction.groups.empty()) {
        out.disturbance = view::Disturbance::Corrupted;
        const auto number = [this](const char* key) { return m_numbers.is_object() && m_numbers.contains(key) && m_numbers[key].is_number() ? std::optional(m_numbers[key].get<double>()) : std::nullopt; };
        if (current) { // there is no loss per patch where groups do not keep to the patches
            out.l1Inside = number("loss_corrupted");
            out.l1All = number("loss_all");
        }
    }
    if (m_origin.metadata.is_object())
        for (const char* key : {"normalise_target", "normalised_target", "norm_pix", "norm_pix_loss", "normalise_patches"}) {
            const Json options = m_origin.metadata.value("options", Json::object());
            if (options.contains(key) && options[key].is_boolean())
                out.normalisedTarget = options[key].get<bool>();
        }
    return out;
}

view::PatchReadout LabSession::readout(std::int64_t row, std::int64_t column) const
{
    view::PatchReadout out{row, column, m_mask.hidden(row, column), m_mask.hasRegion() ? std::optional(m_mask.inside(row, column)) : std::nullopt, {}, {}};
    if (!m_reconstruction.groups.empty())
        out.disturbance = view::Disturbance::Corrupted;
    const auto at = static_cast<std::size_t>(row * m_mask.columns() + column);
    if (m_reconstruction.patchLoss.size() > at && m_reconstruction.mask[at] != 0 && out.hidden)
        out.loss = static_cast<double>(m_reconstruction.patchLoss[at]);
    if (m_attentionWanted && m_attentionShown.kind != protocol::Occlusion && m_attention.values.size() == m_mask.mask().size()) // blocks are no patches
        out.attention = static_cast<double>(m_attention.values[at]);
    return out;
}

} // namespace hilum::lab
